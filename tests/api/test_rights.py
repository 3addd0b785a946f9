"""Who may do what: every role by every action (docs/contract.md, section 1), as one table."""

from collections.abc import Callable

import pytest

from canvas_channels.core.identity.models import AccountUser, User
from channels_api.models import CommunicationChannel
from tests.api.conftest import ApiClient
from tests.factories import (
    default_account,
    make_account,
    make_admin,
    make_channel,
    make_login,
    make_site_admin,
    make_user,
)

ROLES: dict[str, Callable[[User], User]] = {
    "self": lambda owner: owner,
    "account admin": lambda owner: make_admin(owner.home_account),
    "site admin": lambda owner: make_site_admin(),
    "other account's admin": lambda owner: make_admin(make_account("Cheesecake")),
    "plain user": lambda owner: make_user("Leonard"),
}

ACTIONS: dict[str, tuple[str, str, str]] = {
    "list": ("GET", "", ""),
    "create": ("POST", "", "communication_channel[type]=email&communication_channel[address]=n@example.edu"),
    "delete": ("DELETE", "/{id}", ""),
    "delete by address": ("DELETE", "/email/o@example.edu", ""),
    "resend": ("POST", "/{id}/resend", ""),
}

ALLOWED = {"self", "account admin", "site admin"}
EDITS = {"create", "delete", "delete by address"}


@pytest.mark.django_db
@pytest.mark.parametrize("locked", [False, True], ids=["users may edit", "users may not edit"])
@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("role", ROLES)
def test_rights(role: str, action: str, locked: bool, as_user) -> None:
    owner = make_user(account=make_account(users_can_edit_comm_channels=not locked))
    channel = make_channel(owner, "o@example.edu", workflow_state="unconfirmed")
    method, path, form = ACTIONS[action]
    url = f"/users/{owner.pk}/communication_channels" + path.format(id=channel.pk)
    answer = as_user(ROLES[role](owner)).call(method, url, form)
    refused = role not in ALLOWED or (locked and role == "self" and action in EDITS)
    assert answer.status_code == (403 if refused else 200)
    if refused:
        assert answer.json() == {
            "status": "unauthorized",
            "errors": [{"message": "user not authorized to perform that action"}],
        }
        assert CommunicationChannel.objects.get().workflow_state == "unconfirmed"


@pytest.mark.django_db
@pytest.mark.parametrize("role", ROLES)
def test_acting_as(role: str, as_user) -> None:
    owner = make_user(account=make_account())
    channel = make_channel(owner)
    caller = ROLES[role](owner)
    answer = as_user(caller).call("GET", f"/users/self/communication_channels?as_user_id={owner.pk}")
    if role in ALLOWED:
        assert [row["id"] for row in answer.json()] == [channel.pk]
        assert "last_bounce_summary" not in answer.json()[0]
    else:
        assert answer.status_code == 401
        assert answer.json() == {"errors": "Invalid as_user_id"}
        assert "WWW-Authenticate" not in answer


@pytest.mark.parametrize("named", ["0", "x", "", "999999", "sis_user_id:none", "99999999999999999999", "%00"])
def test_acting_as_nobody(api: ApiClient, named: str) -> None:
    answer = api.call("GET", f"/users/self/communication_channels?as_user_id={named}")
    assert (answer.status_code, answer.json()) == (401, {"errors": "Invalid as_user_id"})


@pytest.mark.parametrize("named", ["self", "{id}"])
def test_acting_as_oneself_changes_nothing(api: ApiClient, user: User, named: str) -> None:
    named = named.format(id=user.pk)
    assert api.call("GET", f"/users/self/communication_channels?as_user_id={named}").status_code == 200


def test_acting_admin_has_no_rights_over_others(as_user, user: User) -> None:
    admin = make_admin(user.home_account)
    other = make_user("Leonard", user.home_account)
    path = f"/users/{other.pk}/communication_channels?as_user_id={user.pk}"
    assert as_user(admin).call("GET", path).status_code == 403


@pytest.mark.django_db
@pytest.mark.parametrize("above", ["site admin", "admin elsewhere"])
def test_account_admin_has_no_rights_over_those_above(above: str, as_user) -> None:
    account = make_account()
    admin = make_admin(account)
    target = make_site_admin() if above == "site admin" else make_admin(make_account("Cheesecake"))
    make_login(target, account)
    client = as_user(admin)
    assert client.call("GET", f"/users/{target.pk}/communication_channels").status_code == 403
    acting = client.call("GET", f"/users/self/communication_channels?as_user_id={target.pk}")
    assert acting.status_code == 401


@pytest.mark.django_db
def test_admins_of_the_same_account_are_over_each_other(as_user) -> None:
    account = make_account()
    one, two = make_admin(account), make_admin(account)
    assert as_user(one).call("GET", f"/users/{two.pk}/communication_channels").status_code == 200


@pytest.mark.django_db
def test_admin_without_the_account_any_more_has_no_rights(as_user, user: User) -> None:
    admin = make_admin(user.home_account)
    client = as_user(admin)
    AccountUser.objects.all().delete()
    assert client.call("GET", f"/users/{user.pk}/communication_channels").status_code == 403


@pytest.mark.django_db
@pytest.mark.parametrize(
    "named", ["sis_user_id:S-1", "sis_login_id:Shelly@Caltech.example.com", f"hex:sis_user_id:{b'S-1'.hex()}"]
)
@pytest.mark.parametrize(
    ("role", "status"),
    [
        ("self", 200),
        ("account admin", 200),
        ("site admin", 200),
        ("plain user", 404),
        ("other account's admin", 404),
    ],
)
def test_forms_of_user_id(named: str, role: str, status: int, as_user) -> None:
    owner = make_user(account=default_account(), login="shelly@caltech.example.com", sis_user_id="S-1")
    path = f"/users/{named}/communication_channels"
    assert as_user(ROLES[role](owner)).call("GET", path).status_code == status


@pytest.mark.django_db
@pytest.mark.parametrize(
    "named", ["abc", "0", "sis_user_id:", "hex:sis_user_id:zz", "hex:sis_user_id:ff", "x:1", "१"]
)
def test_user_id_that_names_nobody_is_404(named: str, as_user) -> None:
    answer = as_user(make_site_admin()).call("GET", f"/users/{named}/communication_channels")
    assert answer.status_code == 404
