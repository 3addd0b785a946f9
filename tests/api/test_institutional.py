"""``institutional``: which address is the institution's, and who says so."""

import pytest

from canvas_channels.core.identity.models import Account, User
from channels_api.channels import confirm
from channels_api.models import AuditEntry, CommunicationChannel
from tests.api.conftest import ApiClient
from tests.changing import CHANNELS, FORBIDDEN, change, error, issued_code
from tests.factories import make_admin, make_channel, make_site_admin, make_user

pytestmark = pytest.mark.django_db

TRUE = ["true", "T", "yes", "On", "1", True, 1]
FALSE = ["false", "0", "", "nonsense", False, 0, [], {}]


@pytest.fixture
def admin(user: User, as_user) -> ApiClient:
    return as_user(make_admin(user.home_account))


def create(client: ApiClient, user: User, **channel: object):
    body = {"type": "email", "address": "n@example.edu", **channel}
    return client.call(
        "POST", f"/users/{user.pk}/communication_channels", json={"communication_channel": body}
    )


@pytest.mark.parametrize("value", [*TRUE, *FALSE], ids=repr)
def test_admins_say_so(admin: ApiClient, user: User, value: object) -> None:
    wanted = value in TRUE
    channel = make_channel(user, institutional=not wanted)
    answer = change(admin, channel, institutional=value)
    assert (answer.status_code, answer.json()["institutional"]) == (200, wanted)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.details) == ("set_institutional", {"institutional": wanted})
    assert (entry.user, entry.channel) == (user, channel)


def test_what_it_is_already_changes_nothing(admin: ApiClient, user: User) -> None:
    assert change(admin, make_channel(user, institutional=True), institutional=True).status_code == 200
    assert not AuditEntry.objects.exists()


def test_admins_say_so_on_create(admin: ApiClient, user: User) -> None:
    assert create(admin, user, institutional=True).json()["institutional"] is True
    assert list(AuditEntry.objects.order_by("id").values_list("action", flat=True)) == [
        "create",
        "set_institutional",
    ]


@pytest.mark.parametrize("value", [None, False])
def test_create_is_not_institutional_unless_imported(admin: ApiClient, user: User, value: object) -> None:
    assert create(admin, user, institutional=value).json()["institutional"] is False


def test_an_admin_may_say_that_an_imported_address_is_not(as_user) -> None:
    owner = make_user(imported_email="n@example.edu")
    client = as_user(make_admin(owner.home_account))
    assert create(client, owner, institutional=False).json()["institutional"] is False


def test_but_not_where_the_account_keeps_it(as_user) -> None:
    owner = make_user(imported_email="n@example.edu")
    Account.objects.update(edit_institution_email=False)
    answer = create(as_user(make_admin(owner.home_account)), owner, institutional=False)
    assert (answer.status_code, answer.json()) == (403, FORBIDDEN)
    assert not CommunicationChannel.objects.exists()


def test_a_retired_one_that_comes_back(admin: ApiClient, user: User) -> None:
    make_channel(user, "n@example.edu", workflow_state="retired")
    assert create(admin, user, institutional=True).json()["institutional"] is True


@pytest.mark.parametrize("acting", [False, True])
@pytest.mark.parametrize("value", [False, True])
def test_nobody_else_does(user: User, as_user, acting: bool, value: bool) -> None:
    channel = make_channel(user, institutional=not value)
    client = as_user(make_site_admin()) if acting else as_user(user)
    path = f"{CHANNELS}/{channel.pk}" + (f"?as_user_id={user.pk}" if acting else "")
    body = {"communication_channel": {"institutional": value, "position": 1, "address": "n@example.edu"}}
    answer = client.call("PUT", path, json=body)
    assert (answer.status_code, answer.json()) == (403, FORBIDDEN)
    channel.refresh_from_db()
    assert (channel.institutional, channel.pending_address) == (not value, None)


def test_owner_may_send_back_what_it_is(api: ApiClient, user: User) -> None:
    channel = make_channel(user, institutional=True)
    assert change(api, channel, institutional=True, position=1).status_code == 200


def test_owner_cannot_create_one(api: ApiClient, user: User) -> None:
    answer = create(api, user, institutional=True)
    assert (answer.status_code, answer.json()) == (403, FORBIDDEN)
    assert not CommunicationChannel.objects.exists()


def test_account_that_keeps_its_address(admin: ApiClient, user: User) -> None:
    Account.objects.update(edit_institution_email=False)
    channel = make_channel(user)
    assert change(admin, channel, institutional=True).status_code == 200
    assert change(admin, channel, institutional=False).status_code == 403
    channel.refresh_from_db()
    assert channel.institutional


def test_devices_are_nobodys_address(admin: ApiClient, user: User) -> None:
    push = make_channel(user, "For All Devices", "push")
    assert error("institutional", change(admin, push, institutional=True)) == "invalid"


def test_another_address_is_not_the_institutions_any_more(api: ApiClient, user: User) -> None:
    channel = make_channel(user, institutional=True)
    assert change(api, channel, address="n@example.edu", institutional=True).json()["institutional"] is True
    assert confirm.confirm_email(issued_code(channel)).institutional is False


def test_owner_who_sends_the_whole_object_with_another_address(api: ApiClient, user: User) -> None:
    channel = make_channel(user, institutional=True, workflow_state="unconfirmed")
    shown = change(api, channel, address="n@example.edu", institutional=True).json()
    assert (shown["address"], shown["institutional"]) == ("n@example.edu", False)


def test_admin_may_say_that_the_new_address_is_the_institutions(admin: ApiClient, user: User) -> None:
    channel = make_channel(user, institutional=True)
    shown = change(admin, channel, skip=True, address="n@example.edu", institutional=True).json()
    assert (shown["address"], shown["institutional"]) == ("n@example.edu", True)


def test_the_imported_address_becomes_the_institutions(as_user) -> None:
    owner = make_user(imported_email="Campus@example.edu")
    client = as_user(owner)
    active, unconfirmed = make_channel(owner), make_channel(owner, workflow_state="unconfirmed")
    change(client, active, address="campus@example.edu")
    assert confirm.confirm_email(issued_code(active)).institutional
    CommunicationChannel.objects.filter(pk=active.pk).delete()
    assert change(client, unconfirmed, address="campus@example.edu").json()["institutional"] is True
