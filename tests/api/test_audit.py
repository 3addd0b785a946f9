"""The audit trail, as admins read it."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from canvas_channels.core.identity.models import User
from channels_api.models import AuditEntry
from tests.api.conftest import ApiClient
from tests.api.test_query_counts import statements
from tests.api.test_rights import ROLES
from tests.changing import change
from tests.factories import make_admin, make_channel, make_key, make_site_admin, make_user

CHANNELS = "/users/self/communication_channels"


@pytest.fixture
def admin(as_user, user: User) -> ApiClient:
    return as_user(make_admin(user.home_account))


def trail(client: ApiClient, user: User, **params: object) -> Any:
    query = "&".join(f"{name}={value}" for name, value in params.items())
    return client.call("GET", f"/users/{user.pk}/communication_channels/audit?{query}")


def entry(user: User, **fields: Any) -> AuditEntry:
    created_at = fields.pop("created_at", timezone.now())
    made = AuditEntry.objects.create(user=user, **{"action": "create"} | fields)
    AuditEntry.objects.filter(pk=made.pk).update(created_at=created_at)
    return made


def test_says_who_did_what_acting_as_whom_from_which_key(as_user, user: User) -> None:
    boss, key = make_site_admin("Boss"), make_key(name="Scripts")
    client = as_user(boss, key)
    channel = make_channel(user)
    client.call("DELETE", f"{CHANNELS}/{channel.pk}?as_user_id={user.pk}")
    [shown] = trail(client, user).json()
    made = AuditEntry.objects.get()
    assert shown == {
        "id": made.pk,
        "created_at": made.created_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "action": "retire",
        "user_id": user.pk,
        "communication_channel_id": channel.pk,
        "actor_id": boss.pk,
        "actor_name": "Boss",
        "acting_as_id": user.pk,
        "developer_key_id": key.pk,
        "developer_key_name": "Scripts",
        "details": {},
    }


def test_the_services_own_doings_have_no_actor(admin: ApiClient, user: User) -> None:
    entry(user, action="bounce")
    [shown] = trail(admin, user).json()
    assert [shown[name] for name in ("actor_id", "actor_name", "acting_as_id", "developer_key_name")] == (
        [None] * 4
    )


@pytest.mark.parametrize("name", ["because", "reason"])
def test_reasons_of_earlier_versions_read_as_todays(admin: ApiClient, user: User, name: str) -> None:
    made = entry(user, details={"device_id": 7, name: "erased"})
    [shown] = trail(admin, user).json()
    assert shown["details"] == {"device_id": 7, "reason": "erased"}
    client = Client()
    client.force_login(make_site_admin(is_staff=True, is_superuser=True))
    page = client.get(reverse("admin:channels_api_auditentry_change", args=[made.pk])).text
    assert "&quot;reason&quot;: &quot;erased&quot;" in page
    assert "because" not in page


def test_newest_first_and_only_the_users(admin: ApiClient, user: User) -> None:
    now = timezone.now()
    old, new = entry(user, created_at=now - timedelta(days=1)), entry(user, created_at=now)
    same = entry(user, created_at=now)
    entry(make_user("Leonard"))
    assert [row["id"] for row in trail(admin, user).json()] == [same.pk, new.pk, old.pk]


def test_pages(admin: ApiClient, user: User) -> None:
    made = [entry(user).pk for _ in range(5)]
    answer = trail(admin, user, action="create", per_page=2, page=2)
    assert [row["id"] for row in answer.json()] == [made[2], made[1]]
    assert 'audit?action=create&page=3&per_page=2>; rel="next"' in answer["Link"]
    assert trail(admin, user, page=9).json() == []
    assert trail(admin, user, page="x").status_code == 404


def test_ids_as_strings(admin: ApiClient, user: User) -> None:
    entry(user, details={"device_id": 7})
    path = f"/users/{user.pk}/communication_channels/audit"
    [shown] = admin.call("GET", path, accept="application/json+canvas-string-ids").json()
    assert (shown["user_id"], shown["details"]) == (str(user.pk), {"device_id": "7"})


def test_filters(admin: ApiClient, user: User) -> None:
    now = timezone.now().replace(microsecond=0)
    channel = make_channel(user)
    old = entry(user, created_at=now - timedelta(days=2))
    new = entry(user, channel=channel, action="retire", created_at=now)
    before, after = ((now - timedelta(days=ago)).strftime("%Y-%m-%dT%H:%M:%SZ") for ago in (1, 0))
    for expected, params in (
        ([new], {"action": "retire"}),
        ([old], {"before": before}),
        ([new], {"after": before}),
        ([], {"after": after}),
        ([new], {"communication_channel_id": channel.pk}),
        ([], {"communication_channel_id": 999_999}),
        ([new, old], {"action": "", "before": ""}),
    ):
        assert [row["id"] for row in trail(admin, user, **params).json()] == [row.pk for row in expected]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("action", "nonsense"),
        ("before", "yesterday"),
        ("after", "%00"),
        ("communication_channel_id", "x"),
        ("communication_channel_id", "1.5"),
        ("communication_channel_id", "9" * 30),
    ],
)
def test_an_unknown_value_is_refused(name: str, value: str, admin: ApiClient, user: User) -> None:
    answer = trail(admin, user, **{name: value})
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [name])


@pytest.mark.parametrize("role", ROLES)
def test_rights(role: str, user: User, as_user) -> None:
    allowed = role in {"account admin", "site admin"}
    assert trail(as_user(ROLES[role](user)), user).status_code == (200 if allowed else 403)


def test_an_admin_acting_as_the_user_has_no_right_to_it(user: User, as_user) -> None:
    assert trail(as_user(make_site_admin()), user, as_user_id=user.pk).status_code == 403


def test_needs_its_scope(user: User, as_user) -> None:
    boss, key = make_site_admin(), make_key(require_scopes=True)
    scope = "url:GET|/api/v1/users/:user_id/communication_channels/audit"
    assert trail(as_user(boss, key), user).status_code == 401
    assert trail(as_user(boss, key, scopes=[scope]), user).status_code == 200


def test_reading_costs_the_same_whatever_the_number(admin: ApiClient, user: User, as_user) -> None:
    def read() -> list[str]:
        return statements(lambda: trail(admin, user, per_page=100))

    entry(user)
    few = len(read())
    for _ in range(30):
        entry(user, actor=make_site_admin(), developer_key=make_key())
    assert len(read()) == few <= 5


def test_an_address_is_in_no_entry(api: ApiClient, admin: ApiClient, user: User) -> None:
    channel = make_channel(user, "old@example.edu")
    change(api, channel, address="new@example.edu")
    change(admin, channel, skip=True, address="newer@example.edu", institutional=True)
    assert len(trail(admin, user).json()) > 2
    assert "example.edu" not in trail(admin, user).text
