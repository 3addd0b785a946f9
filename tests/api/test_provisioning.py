"""``POST accounts/:account_id/users``."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections

from canvas_channels.core.identity.models import Account, Login, User
from channels_api.models import AuditEntry, CommunicationChannel, Confirmation
from tests.api.conftest import ApiClient
from tests.api.test_changing_users import refused
from tests.factories import (
    default_account,
    make_account,
    make_admin,
    make_login,
    make_site_admin,
    make_token,
    make_user,
)

NEW = "user[name]=Amy Fowler&pseudonym[unique_id]=amy"
EMAIL = "&communication_channel[type]=email&communication_channel[address]=amy@example.edu"
VOUCHED = f"{EMAIL}&communication_channel[skip_confirmation]=true"

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> Account:
    return make_account()


@pytest.fixture
def admin(account: Account, as_user) -> ApiClient:
    client: ApiClient = as_user(make_admin(account))
    return client


def post(client: ApiClient, form: str, account: Any = "self") -> Any:
    return client.call("POST", f"/accounts/{account}/users", form)


def test_the_least(admin: ApiClient, account: Account) -> None:
    answer = post(admin, NEW)
    user = User.objects.get(name="Amy Fowler")
    shown = answer.json()
    assert answer.status_code == 200
    assert shown == admin.call("GET", f"/users/{user.pk}").json() | {"locale": None, "time_zone": None}
    assert (shown["login_id"], shown["sis_user_id"], shown["short_name"]) == ("amy", None, "Amy Fowler")
    assert (user.home_account, user.workflow_state) == (account, "pre_registered")
    assert not user.has_usable_password()
    assert not CommunicationChannel.objects.exists()
    entry = AuditEntry.objects.get(action="create_user")
    assert (entry.user, entry.details) == (user, {"account_id": account.pk})


def test_all_of_it(admin: ApiClient) -> None:
    form = "&user[short_name]=Amy&user[time_zone]=UTC&user[locale]=de&pseudonym[sis_user_id]=S-1"
    shown = post(admin, NEW + form + EMAIL).json()
    assert (shown["short_name"], shown["time_zone"], shown["locale"], shown["sis_user_id"]) == (
        *("Amy", "UTC", "de", "S-1"),
    )


@pytest.mark.parametrize(
    ("form", "registered", "channel"),
    [
        (NEW + EMAIL, "pre_registered", "unconfirmed"),
        (NEW + VOUCHED, "registered", "active"),
        (f"{NEW}{EMAIL}&user[skip_registration]=1", "registered", "unconfirmed"),
        (f"{NEW}&user[skip_registration]=true", "registered", None),
    ],
)
def test_states(admin: ApiClient, form: str, registered: str, channel: str | None) -> None:
    user = User.objects.get(pk=post(admin, form).json()["id"])
    assert user.workflow_state == registered
    states = [row.workflow_state for row in user.communication_channels.all()]
    assert states == ([channel] if channel else [])
    assert Confirmation.objects.count() == (1 if channel == "unconfirmed" else 0)


def test_the_login_is_the_address_where_there_is_none(admin: ApiClient) -> None:
    form = "user[name]=Amy&pseudonym[unique_id]=amy@example.edu&communication_channel[skip_confirmation]=1"
    assert post(admin, form).status_code == 200
    assert CommunicationChannel.objects.get().address == "amy@example.edu"


@pytest.mark.parametrize("who", ["site admin", "other admin", "plain", "nobody"])
def test_rights(account: Account, as_user, who: str) -> None:
    people = {
        "site admin": make_site_admin,
        "other admin": lambda: make_admin(make_account("Other")),
        "plain": lambda: make_user(account=account),
    }
    client = as_user(people[who]()) if who in people else ApiClient()
    status = post(client, NEW, account.pk).status_code
    assert status == {"site admin": 200, "nobody": 401}.get(who, 403)
    assert User.objects.filter(name="Amy Fowler").exists() == (status == 200)


def test_an_account_that_there_is_not(admin: ApiClient) -> None:
    assert post(admin, NEW, 999_999).status_code == 404


@pytest.mark.parametrize(
    ("form", "attribute"),
    [
        ("", "name"),
        ("pseudonym[unique_id]=amy", "name"),
        ("user[name]=%20&pseudonym[unique_id]=amy", "name"),
        ("user[name]=%E2%80%8B&pseudonym[unique_id]=amy", "name"),
        ("user[name]=%EF%BB%BF%C2%A0%E3%85%A4&pseudonym[unique_id]=amy", "name"),
        ("user[name]=A%00&pseudonym[unique_id]=amy", "name"),
        (f"{NEW}&user[name]={'x' * 256}", "name"),
        (f"{NEW}&user[short_name]={'x' * 256}", "short_name"),
        ("user[name]=Amy", "pseudonym[unique_id]"),
        (f"{NEW}&pseudonym[unique_id]=%20", "pseudonym[unique_id]"),
        (f"{NEW}&pseudonym[unique_id]=%E2%80%8B%C2%A0", "pseudonym[unique_id]"),
        (f"{NEW}&pseudonym[unique_id]=a%00", "pseudonym[unique_id]"),
        (f"{NEW}&pseudonym[unique_id]={'x' * 256}", "pseudonym[unique_id]"),
        (f"{NEW}&pseudonym[sis_user_id]=a%00", "pseudonym[sis_user_id]"),
        (f"{NEW}&pseudonym[sis_user_id]={'x' * 256}", "pseudonym[sis_user_id]"),
        (f"{NEW}&user[time_zone]=Mars", "time_zone"),
        (f"{NEW}&user[locale]=xx", "locale"),
        (f"{NEW}{EMAIL}&communication_channel[address]=nonsense", "address"),
        (f"{NEW}{EMAIL}&communication_channel[address]=", "address"),
        (f"{NEW}&communication_channel[type]=email", "address"),
        (f"{NEW}{EMAIL}&communication_channel[type]=push", "type"),
        (f"{NEW}{EMAIL}&communication_channel[type]=pager", "type"),
    ],
)
def test_what_is_refused_leaves_nothing(admin: ApiClient, form: str, attribute: str) -> None:
    users, logins = User.objects.count(), Login.objects.count()
    assert refused(post(admin, form)) == attribute
    assert (User.objects.count(), Login.objects.count()) == (users, logins)
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("login", ["amy", "AMY", "Ämy", "äMY"])
def test_a_login_that_there_is(admin: ApiClient, account: Account, login: str) -> None:
    make_login(make_user(account=account), account, "Amy" if login.isascii() else "ämy")
    answer = post(admin, f"user[name]=Amy&pseudonym[unique_id]={login}")
    assert refused(answer) == "pseudonym[unique_id]"
    assert answer.json()["errors"]["pseudonym[unique_id]"][0]["type"] == "taken"


def test_a_sis_id_that_there_is(admin: ApiClient, account: Account) -> None:
    make_user(account=account, sis_user_id="S-1")
    assert refused(post(admin, f"{NEW}&pseudonym[sis_user_id]=S-1")) == "pseudonym[sis_user_id]"


def test_another_account_may_have_them(admin: ApiClient) -> None:
    make_user(account=default_account(), login="amy", sis_user_id="S-1")
    assert post(admin, f"{NEW}&pseudonym[sis_user_id]=S-1").status_code == 200


def test_sis_ids_may_be_missing(admin: ApiClient) -> None:
    for login in ("a", "b"):
        form = f"user[name]=Amy&pseudonym[unique_id]={login}&pseudonym[sis_user_id]="
        assert post(admin, form).status_code == 200


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("what", ["unique_id", "sis_user_id"])
def test_of_many_at_once_one_is_made(what: str) -> None:
    token = make_token(make_admin(make_account()))

    def make(number: int) -> int:
        login = ("amy" if number % 2 else "AMY") if what == "unique_id" else f"amy{number}"
        form = f"user[name]=Amy&pseudonym[unique_id]={login}&pseudonym[sis_user_id]="
        form += "S-1" if what == "sis_user_id" else f"S-{number}"
        try:
            answer = post(ApiClient(token), form)
            return 200 if answer.status_code == 200 else len(refused(answer))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(make, range(8)))
    assert sorted(statuses) == [len(f"pseudonym[{what}]")] * 7 + [200]
    assert User.objects.filter(name="Amy").count() == 1


@pytest.mark.parametrize("around", ["%E2%80%8B", "%EF%BB%BF", "%C2%A0", "%E2%81%A0", "%E3%85%A4"])
def test_what_is_invisible_at_the_ends_is_no_part(admin: ApiClient, around: str) -> None:
    form = f"user[name]={around}Amy Fowler{around}&pseudonym[unique_id]={around}amy{around}"
    shown = post(admin, f"{form}&user[short_name]={around}&pseudonym[sis_user_id]={around}S-1{around}").json()
    assert (shown["name"], shown["short_name"], shown["sortable_name"]) == (
        *("Amy Fowler", "Amy Fowler", "Fowler, Amy"),
    )
    assert (shown["login_id"], shown["sis_user_id"]) == ("amy", "S-1")
    look_alike = post(admin, f"user[name]=Other&pseudonym[unique_id]={around}AMY")
    assert refused(look_alike) == "pseudonym[unique_id]"


def test_a_boolean_that_is_nested_deep_is_false(admin: ApiClient) -> None:
    deep: Any = []
    for _ in range(240):
        deep = [deep]
    body: dict[str, Any] = {
        "user": {"name": "Amy", "skip_registration": deep},
        "pseudonym": {"unique_id": "amy@example.com"},
        "communication_channel": {"skip_confirmation": deep},
    }
    answer = admin.call("POST", "/accounts/self/users", json=body)
    assert answer.status_code == 200
    assert User.objects.get(pk=answer.json()["id"]).workflow_state == "pre_registered"
