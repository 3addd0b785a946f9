"""What an account lets be sent, and its time zone."""

from typing import Any

import pytest

from canvas_channels.core.identity.models import Account
from channels_api.models import AuditEntry
from tests.api.conftest import ApiClient
from tests.api.rights import STAFF, staff_browser
from tests.factories import make_account, make_admin, make_site_admin
from tests.responses import ClientResponse

pytestmark = pytest.mark.django_db

AT_FIRST = {
    "suppress_notifications": False,
    "sms_notifications": False,
    "push_notifications": True,
    "admins_can_view_notifications": False,
    "default_time_zone": None,
}


@pytest.fixture
def account() -> Account:
    return make_account()


@pytest.fixture
def admin(account: Account, as_user) -> ApiClient:
    return as_user(make_admin(account))


def put(client: ApiClient, account: Account, json: Any) -> ClientResponse:
    return client.call("PUT", f"/accounts/{account.pk}/settings", json=json)


def kept(account: Account) -> dict[str, Any]:
    account.refresh_from_db()
    return {name: getattr(account, name) for name in AT_FIRST}


def test_what_holds_at_first(admin: ApiClient) -> None:
    assert admin.call("GET", "/accounts/self/settings").json() == AT_FIRST


def test_only_what_is_named_changes(admin: ApiClient, account: Account) -> None:
    answer = put(admin, account, {"sms_notifications": True, "default_time_zone": "Europe/Berlin"})
    expected = AT_FIRST | {"sms_notifications": True, "default_time_zone": "Europe/Berlin"}
    assert answer.json() == expected == kept(account)
    assert admin.call("GET", "/accounts/self/settings").json() == expected
    assert put(admin, account, {"sms_notifications": False}).json()["default_time_zone"] == "Europe/Berlin"


@pytest.mark.parametrize(
    ("given", "read"), [("true", True), ("ON", True), (1, True), ("0", False), ("x", False), (False, False)]
)
def test_booleans_are_read_as_everywhere(admin: ApiClient, account: Account, given: Any, read: bool) -> None:
    assert put(admin, account, {"push_notifications": given}).json()["push_notifications"] is read


@pytest.mark.parametrize("none", [None, ""])
def test_no_zone_ends_the_choice(admin: ApiClient, account: Account, none: Any) -> None:
    put(admin, account, {"default_time_zone": "Europe/Berlin"})
    assert put(admin, account, {"default_time_zone": none}).json()["default_time_zone"] is None
    assert kept(account)["default_time_zone"] == ""


@pytest.mark.parametrize(
    ("bad", "attribute"),
    [
        ({"default_time_zone": "Mars/Olympus"}, "default_time_zone"),
        ({"default_time_zone": "europe/berlin\x00"}, "default_time_zone"),
        ({"default_time_zone": ["UTC"]}, "default_time_zone"),
        ({"push_notifications": None}, "push_notifications"),
        ({"push_notifications": {}}, "push_notifications"),
    ],
)
def test_what_is_refused_changes_nothing(
    admin: ApiClient, account: Account, bad: dict[str, Any], attribute: str
) -> None:
    before = kept(account)
    answer = put(admin, account, {"sms_notifications": True} | bad)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [attribute])
    assert (kept(account), AuditEntry.objects.count()) == (before, 0)


@pytest.mark.parametrize("value", [True, False])
def test_who_reads_what_was_sent_is_a_site_admins_to_say(
    admin: ApiClient, account: Account, as_user, value: bool
) -> None:
    before = kept(account)
    wanted = {"sms_notifications": True, "admins_can_view_notifications": value}
    assert put(admin, account, wanted).status_code == 403
    assert kept(account) == before
    assert put(as_user(make_site_admin()), account, wanted).json()["admins_can_view_notifications"] is value


def test_not_even_while_they_act_as_an_admin(account: Account, as_user) -> None:
    form = f"admins_can_view_notifications=1&as_user_id={make_admin(account).pk}"
    answer = as_user(make_site_admin()).call("PUT", f"/accounts/{account.pk}/settings", form)
    assert answer.status_code == 403


def test_another_accounts_admin_may_not(account: Account, as_user) -> None:
    other = as_user(make_admin(make_account("Cheesecake")))
    assert put(other, account, {"sms_notifications": True}).status_code == 403


def test_what_changes_is_in_the_audit_trail(admin: ApiClient, account: Account) -> None:
    put(admin, account, {"sms_notifications": True, "push_notifications": True})
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.user_id) == ("set_account_settings", None)
    assert entry.details == {"account_id": account.pk, "set": {"sms_notifications": True}}
    put(admin, account, {"sms_notifications": True})
    assert AuditEntry.objects.count() == 1


@pytest.mark.parametrize("caller", STAFF)
def test_so_it_is_in_djangos_admin(account: Account, caller: str) -> None:
    form = {"name": "Caltech", "region": "US", "locale": "en", "sms_notifications": "on"}
    form |= {"admins_can_view_notifications": "on", "admins-TOTAL_FORMS": "0", "admins-INITIAL_FORMS": "0"}
    answer = staff_browser(caller).post(f"/admin/identity/account/{account.pk}/change/", form)
    assert answer.status_code == 302
    is_site_admin = caller in {"superuser", "staff and site admin"}
    assert kept(account)["admins_can_view_notifications"] is is_site_admin
    assert kept(account)["sms_notifications"] is True
