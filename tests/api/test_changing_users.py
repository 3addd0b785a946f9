"""``PUT users/:user_id`` and ``GET users/:user_id/profile``."""

from typing import Any

import pytest

from canvas_channels.core.identity.models import User
from channels_api.models import AuditEntry
from tests.api.conftest import ApiClient
from tests.api.test_rights import ALLOWED, ROLES
from tests.changing import FORBIDDEN
from tests.factories import make_account, make_admin, make_channel, make_site_admin, make_user

NAMES = ("name", "short_name", "sortable_name")


def refused(answer: Any) -> str:
    """The attribute of a 400."""
    assert answer.status_code == 400, answer.content
    [(attribute, [error])] = answer.json()["errors"].items()
    assert error["attribute"] == attribute
    return attribute


def test_ones_own_language_and_zone(api: ApiClient, user: User) -> None:
    form = "user[time_zone]=Europe/Berlin&user[locale]=de"
    answer = api.call("PUT", "/users/self", form)
    assert answer.status_code == 200
    assert answer.json() == api.call("GET", "/users/self").json() | {
        "locale": "de",
        "time_zone": "Europe/Berlin",
    }
    user.refresh_from_db()
    assert (user.time_zone, user.locale, user.name) == ("Europe/Berlin", "de", "Sheldon Cooper")
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.user, entry.actor) == ("change_user", user, user)
    assert entry.details == {"attributes": ["locale", "time_zone"]}


def test_null_ends_a_choice_and_what_is_not_named_stays(api: ApiClient, user: User) -> None:
    api.call("PUT", "/users/self", json={"user": {"time_zone": "UTC", "locale": "es-MX"}})
    shown = api.call("PUT", "/users/self", json={"user": {"time_zone": None}}).json()
    assert (shown["time_zone"], shown["locale"]) == (None, "es-MX")


@pytest.mark.parametrize("form", ["", "user[email]=x@example.edu", "user=x", "user[is_site_admin]=true"])
def test_nothing_else_is_changed(api: ApiClient, user: User, form: str) -> None:
    before = User.objects.filter(pk=user.pk).values().get()
    assert api.call("PUT", "/users/self", form).status_code == 200
    assert User.objects.filter(pk=user.pk).values().get() == before
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        *(("time_zone", zone) for zone in ("Mars/Olympus", "", "UTC+1", "europe/berlin", "../etc/passwd")),
        *(("time_zone", zone) for zone in ("Eastern Time (US & Canada)", "localtime", "a\x00b", "x" * 300)),
        *(("time_zone", zone) for zone in (["UTC"], {"a": "UTC"}, 5, True)),
        *(
            ("locale", locale)
            for locale in ("xx", "", "klingon", "de_DE", "de-", "../de", "d\x00e", "de" * 90)
        ),
        *(("locale", locale) for locale in (["de"], 5, "de-" + "x" * 90)),
    ],
    ids=lambda value: str(value)[:20],
)
def test_no_zone_and_no_language(api: ApiClient, user: User, attribute: str, value: Any) -> None:
    good = {"time_zone": "UTC", "locale": "de"}
    answer = api.call("PUT", "/users/self", json={"user": good | {attribute: value}})
    assert refused(answer) == attribute
    user.refresh_from_db()
    assert (user.time_zone, user.locale) == ("", "")


@pytest.mark.django_db
@pytest.mark.parametrize("attribute", [*NAMES, "time_zone"])
@pytest.mark.parametrize("role", ROLES)
def test_rights(role: str, attribute: str, as_user) -> None:
    owner = make_user(account=make_account())
    client = as_user(ROLES[role](owner))
    answer = client.call("PUT", f"/users/{owner.pk}", f"user[{attribute}]=UTC")
    allowed = role in (ALLOWED if attribute == "time_zone" else ALLOWED - {"self"})
    owner.refresh_from_db()
    assert (answer.status_code, getattr(owner, attribute) == "UTC") == (200 if allowed else 403, allowed)
    if not allowed:
        assert answer.json() == FORBIDDEN


def test_a_name_of_ones_own_is_refused_whole(api: ApiClient, user: User) -> None:
    assert api.call("PUT", "/users/self", "user[time_zone]=UTC&user[name]=X").status_code == 403
    user.refresh_from_db()
    assert user.time_zone == ""


def test_acting_as_has_the_users_rights(user: User, as_user) -> None:
    admin = as_user(make_admin(user.home_account))
    path = f"/users/self?as_user_id={user.pk}"
    assert admin.call("PUT", path, "user[name]=X").status_code == 403
    assert admin.call("PUT", path, "user[time_zone]=UTC").status_code == 200


def test_names(user: User, as_user) -> None:
    admin = as_user(make_site_admin())
    path = f"/users/{user.pk}"
    shown = admin.call("PUT", path, "user[name]=Amy Farrah Fowler").json()
    assert [shown[name] for name in NAMES] == ["Amy Farrah Fowler"] * 2 + ["Fowler, Amy Farrah"]
    shown = admin.call("PUT", path, "user[short_name]=Amy&user[sortable_name]=Fowler").json()
    assert [shown[name] for name in NAMES] == ["Amy Farrah Fowler", "Amy", "Fowler"]
    shown = admin.call("PUT", path, "user[name]=Amy Fowler").json()
    assert [shown[name] for name in NAMES] == ["Amy Fowler", "Amy", "Fowler"]
    shown = admin.call("PUT", path, "user[short_name]=&user[sortable_name]=").json()
    assert [shown[name] for name in NAMES] == ["Amy Fowler", "Amy Fowler", "Fowler, Amy"]


@pytest.mark.parametrize("name", ["", " ", "a\x00b", "a\nb", "x" * 256, ["x"]], ids=str)
def test_bad_names(user: User, as_user, name: Any) -> None:
    admin = as_user(make_site_admin())
    assert refused(admin.call("PUT", f"/users/{user.pk}", json={"user": {"name": name}})) == "name"


@pytest.mark.parametrize("name", ["x" * 254 + " y", "x " * 127 + "y", "x" * 255])
def test_a_long_name_may_be_sorted(user: User, as_user, name: str) -> None:
    """The sortable one has a comma more."""
    shown = as_user(make_site_admin()).call("PUT", f"/users/{user.pk}", json={"user": {"name": name[:255]}})
    assert shown.status_code == 200


def test_the_profile(api: ApiClient, user: User) -> None:
    make_channel(user, "+16265550100", "sms")
    make_channel(user, "new@example.edu", workflow_state="unconfirmed")
    shown = api.call("GET", "/users/self").json()
    none = {"primary_email": None, "locale": None, "time_zone": None}
    assert api.call("GET", "/users/self/profile").json() == shown | none
    make_channel(user, "First@example.edu")
    make_channel(user, "second@example.edu")
    api.call("PUT", "/users/self", "user[time_zone]=Asia/Tokyo&user[locale]=es")
    assert api.call("GET", f"/users/{user.pk}/profile.json").json() == shown | {
        "primary_email": "First@example.edu",
        "locale": "es",
        "time_zone": "Asia/Tokyo",
    }


@pytest.mark.django_db
@pytest.mark.parametrize("role", ROLES)
def test_who_sees_the_profile(role: str, as_user) -> None:
    owner = make_user(account=make_account())
    answer = as_user(ROLES[role](owner)).call("GET", f"/users/{owner.pk}/profile")
    assert answer.status_code == (200 if role in ALLOWED else 403)
    assert ("login_id" in answer.json()) == (role in ALLOWED - {"self"})


def test_pages_speak_the_language_that_was_set(api: ApiClient, user: User, client) -> None:
    assert api.call("PUT", "/users/self", "user[locale]=de").status_code == 200
    client.force_login(user)
    assert '<html lang="de"' in client.get("/profile/communication").text
