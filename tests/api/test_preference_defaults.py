"""An account's own defaults of preferences: setting them, and what they mean for its users' channels."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from canvas_channels.core.identity.models import Account, AccountUser, User
from channels_api.models import AuditEntry, CommunicationChannel
from notifications.models import NotificationCategory, NotificationPreference, NotificationPreferenceDefault
from tests.api.conftest import ApiClient
from tests.factories import load_catalogue, make_account, make_admin, make_channel, make_user

pytestmark = pytest.mark.django_db

NAME = "notification_preference_defaults"
PATH = f"/accounts/self/{NAME}"
ALERT_WEEKLY = {"category": "alert", "type": "email", "frequency": "weekly"}
ALERT_NEVER = ALERT_WEEKLY | {"frequency": "never"}


@pytest.fixture
def account() -> Account:
    load_catalogue()
    return make_account()


@pytest.fixture
def admin(account: Account, as_user) -> ApiClient:
    return as_user(make_admin(account))


@pytest.fixture
def channel(account: Account) -> CommunicationChannel:
    return make_channel(make_user(account=account))


def put(client: ApiClient, *defaults: dict[str, Any], apply_to_existing: bool = False) -> Any:
    return client.call("PUT", PATH, json={NAME: list(defaults), "apply_to_existing": apply_to_existing})


def shown(admin: ApiClient) -> dict[tuple[str, str], tuple[str, bool]]:
    rows = admin.call("GET", PATH).json()[NAME]
    return {(row["category"], row["type"]): (row["frequency"], row["inherited"]) for row in rows}


def alert_of(as_user: Any, channel: CommunicationChannel) -> str:
    path = f"/users/self/communication_channels/{channel.pk}/notification_preferences/alert"
    [entry] = as_user(channel.user).call("GET", path).json()["notification_preferences"]
    return str(entry["frequency"])


class TestSetting:
    def test_every_category_and_type_is_listed(self, admin: ApiClient) -> None:
        found = shown(admin)
        assert len(found) == 3 * NotificationCategory.objects.count()
        assert found["alert", "email"] == ("daily", True)

    def test_listing_is_as_many_statements_whatever_is_set(self, admin: ApiClient) -> None:
        with CaptureQueriesContext(connection) as before:
            admin.call("GET", PATH)
        slugs = NotificationCategory.objects.values_list("slug", flat=True)
        put(admin, *({"category": slug, "type": "sms", "frequency": "weekly"} for slug in slugs))
        with CaptureQueriesContext(connection) as after:
            admin.call("GET", PATH)
        assert len(after) == len(before)

    def test_the_answer_is_what_was_set(self, admin: ApiClient) -> None:
        assert put(admin, ALERT_WEEKLY).json() == {NAME: [ALERT_WEEKLY | {"inherited": False}]}
        assert shown(admin)["alert", "email"] == ("weekly", False)
        assert shown(admin)["alert", "sms"] == ("daily", True)

    @pytest.mark.parametrize(
        "form",
        [
            f"{NAME}[alert][email][frequency]=weekly",
            f"{NAME}[][category]=alert&{NAME}[][type]=email&{NAME}[][frequency]=weekly",
        ],
    )
    @pytest.mark.parametrize("where", ["body", "query"])
    def test_as_a_form(self, admin: ApiClient, form: str, where: str) -> None:
        answer = admin.call("PUT", PATH, form) if where == "body" else admin.call("PUT", f"{PATH}?{form}")
        assert answer.json() == {NAME: [ALERT_WEEKLY | {"inherited": False}]}

    def test_as_a_json_object(self, admin: ApiClient) -> None:
        answer = admin.call("PUT", PATH, json={NAME: {"alert": {"email": {"frequency": "weekly"}}}})
        assert answer.json() == {NAME: [ALERT_WEEKLY | {"inherited": False}]}

    def test_the_last_of_one_named_twice_counts(self, admin: ApiClient) -> None:
        assert put(admin, ALERT_NEVER, ALERT_WEEKLY).json() == {NAME: [ALERT_WEEKLY | {"inherited": False}]}

    def test_the_same_again_adds_no_row(self, admin: ApiClient) -> None:
        put(admin, ALERT_WEEKLY)
        put(admin, ALERT_WEEKLY)
        assert NotificationPreferenceDefault.objects.count() == 1

    def test_another_accounts_are_not_touched(self, admin: ApiClient, as_user) -> None:
        put(admin, ALERT_WEEKLY)
        assert shown(as_user(make_admin(make_account("Cheesecake"))))["alert", "email"] == ("daily", True)

    def test_is_in_the_audit_trail(self, admin: ApiClient, account: Account) -> None:
        put(admin, ALERT_WEEKLY, apply_to_existing=True)
        entry = AuditEntry.objects.get()
        assert (entry.action, entry.user) == ("set_preference_defaults", None)
        assert entry.actor == AccountUser.objects.get(account=account).user
        assert entry.details == {
            "account_id": account.pk,
            "apply_to_existing": True,
            "set": [ALERT_WEEKLY | {"inherited": False}],
            "mandatory": {},
        }


class TestRefusing:
    @pytest.mark.parametrize(
        ("bad", "attribute"),
        [
            ({"frequency": "hourly"}, "frequency"),
            ({"frequency": None}, "frequency"),
            ({"type": "twitter"}, "type"),
            ({"type": None}, "type"),
            ({"category": None}, "category"),
            ({"category": 1}, "category"),
        ],
    )
    def test_one_bad_among_good_ones_sets_none(
        self, admin: ApiClient, bad: dict[str, Any], attribute: str
    ) -> None:
        answer = put(admin, {**ALERT_WEEKLY, "category": "calendar"}, ALERT_WEEKLY | bad)
        if bad == {"category": 1}:
            assert answer.status_code == 404
        else:
            assert (answer.status_code, list(answer.json()["errors"])) == (400, [attribute])
        assert not NotificationPreferenceDefault.objects.exists()
        assert not AuditEntry.objects.exists()

    @pytest.mark.parametrize("category", ["nonsense", "new_announcement", "\x00"])
    def test_an_unknown_category(self, admin: ApiClient, category: str) -> None:
        assert put(admin, ALERT_WEEKLY, ALERT_WEEKLY | {"category": category}).status_code == 404
        assert not NotificationPreferenceDefault.objects.exists()

    @pytest.mark.parametrize("value", [None, [], {}, "daily", 1])
    def test_none_at_all(self, admin: ApiClient, value: object) -> None:
        answer = admin.call("PUT", PATH, json={NAME: value})
        assert (answer.status_code, list(answer.json()["errors"])) == (400, [NAME])

    @pytest.mark.parametrize("entry", [None, "alert", 3, []])
    def test_an_entry_that_is_none(self, admin: ApiClient, entry: object) -> None:
        assert put(admin, ALERT_WEEKLY, entry).status_code == 400  # type: ignore[arg-type]

    def test_a_category_without_a_type(self, admin: ApiClient) -> None:
        answer = admin.call("PUT", PATH, json={NAME: {"alert": {}}})
        assert (answer.status_code, list(answer.json()["errors"])) == (400, ["type"])


class TestMeaning:
    def test_a_channel_made_before_keeps_its_default(self, admin: ApiClient, channel, as_user) -> None:
        put(admin, ALERT_WEEKLY)
        assert alert_of(as_user, channel) == "daily"

    def test_a_channel_made_later_has_the_new_one(self, admin: ApiClient, account: Account, as_user) -> None:
        put(admin, ALERT_WEEKLY)
        assert alert_of(as_user, make_channel(make_user(account=account))) == "weekly"

    def test_each_channel_has_that_of_its_time(self, admin: ApiClient, account: Account, as_user) -> None:
        put(admin, ALERT_WEEKLY)
        between = make_channel(make_user(account=account))
        put(admin, ALERT_NEVER)
        assert alert_of(as_user, between) == "weekly"
        assert alert_of(as_user, make_channel(make_user(account=account))) == "never"

    def test_applied_to_those_who_never_changed_theirs(self, admin: ApiClient, channel, as_user) -> None:
        put(admin, ALERT_WEEKLY, apply_to_existing=True)
        assert alert_of(as_user, channel) == "weekly"

    def test_who_chose_keeps_it(self, admin: ApiClient, channel, as_user) -> None:
        path = f"/users/self/communication_channels/{channel.pk}/notification_preferences/alert"
        as_user(channel.user).call("PUT", path, "notification_preferences[frequency]=immediately")
        put(admin, ALERT_WEEKLY, apply_to_existing=True)
        assert alert_of(as_user, channel) == "immediately"
        assert NotificationPreference.objects.count() == 1

    def test_applied_to_existing_ones_supersedes_all_before(self, admin: ApiClient, account, as_user) -> None:
        put(admin, ALERT_NEVER)
        put(admin, ALERT_WEEKLY, apply_to_existing=True)
        old = make_channel(make_user(account=account))
        CommunicationChannel.objects.update(created_at=timezone.now() - timedelta(days=900))
        assert alert_of(as_user, old) == "weekly"
        assert NotificationPreferenceDefault.objects.count() == 1

    def test_another_types_channel_has_it_not(self, admin: ApiClient, account: Account, as_user) -> None:
        put(admin, ALERT_WEEKLY)
        number = make_channel(make_user(account=account), "+16265550100", "sms")
        assert alert_of(as_user, number) == "daily"

    def test_a_types_first_channel_has_it(self, admin: ApiClient, channel, as_user) -> None:
        put(admin, {"category": "alert", "type": "sms", "frequency": "immediately"})
        first = make_channel(channel.user, "+16265550100", "sms")
        second = make_channel(channel.user, "+16265550101", "sms")
        assert [alert_of(as_user, number) for number in (first, second)] == ["immediately", "never"]

    def test_a_user_of_another_account_has_it_not(self, admin: ApiClient, as_user) -> None:
        put(admin, ALERT_WEEKLY)
        elsewhere: User = make_user(account=make_account("Cheesecake"))
        assert alert_of(as_user, make_channel(elsewhere)) == "daily"
