"""``DELETE users/:user_id/communication_channels/...``."""

import pytest

from canvas_channels.core.identity.models import Account, User
from channels_api.models import AuditEntry, CommunicationChannel, PushDevice
from tests.api.conftest import ApiClient
from tests.factories import APNS_ARN, make_admin, make_channel, make_key, make_user

CHANNELS = "/users/self/communication_channels"


def test_delete_by_id_retires_and_answers_the_object(api: ApiClient, user: User) -> None:
    channel = make_channel(user)
    answer = api.call("DELETE", f"{CHANNELS}/{channel.pk}")
    assert answer.status_code == 200
    assert (answer.json()["id"], answer.json()["workflow_state"]) == (channel.pk, "retired")
    channel.refresh_from_db()
    assert channel.workflow_state == "retired"
    assert AuditEntry.objects.get().action == "retire"


@pytest.mark.parametrize(
    ("stored", "type_", "asked"),
    [
        ("Jane.Doe+x@example.edu", "email", "jane.doe%2Bx%40EXAMPLE.edu"),
        ("Jane.Doe+x@example.edu", "email", "jane.doe+x@example.edu"),
        ("a/b@example.edu", "email", "a%2Fb@example.edu"),
        ("+16265550100", "sms", "%2B16265550100"),
    ],
)
def test_delete_by_type_and_address(api: ApiClient, user: User, stored: str, type_: str, asked: str) -> None:
    channel = make_channel(user, stored, type_)
    answer = api.call("DELETE", f"{CHANNELS}/{type_}/{asked}")
    assert (answer.status_code, answer.json().get("id")) == (200, channel.pk)


@pytest.mark.parametrize(
    "path", ["/1", "/999999999999999999999", "/email/no@example.edu", "/fax/1", "/x", "/email/%00"]
)
def test_what_is_not_there_is_404(api: ApiClient, path: str) -> None:
    assert api.call("DELETE", CHANNELS + path).status_code == 404


def test_gone_already_is_404(api: ApiClient, user: User) -> None:
    channel = make_channel(user, workflow_state="retired")
    assert api.call("DELETE", f"{CHANNELS}/{channel.pk}").status_code == 404


def test_another_users_channel_is_404(api: ApiClient) -> None:
    channel = make_channel(make_user("Leonard"))
    assert api.call("DELETE", f"{CHANNELS}/{channel.pk}").status_code == 404
    channel.refresh_from_db()
    assert channel.workflow_state == "active"


@pytest.mark.parametrize("by_admin", [False, True])
def test_imported_address_stays_unless_the_account_allows(
    api: ApiClient, user: User, as_user, by_admin: bool
) -> None:
    Account.objects.update(edit_institution_email=False)
    channel = make_channel(user, institutional=True)
    client = as_user(make_admin(user.home_account)) if by_admin else api
    path = f"/users/{user.pk}/communication_channels/{channel.pk}"
    assert client.call("DELETE", path).status_code == 403
    Account.objects.update(edit_institution_email=True)
    assert client.call("DELETE", path).status_code == 200


def test_deleting_the_push_channel_unregisters_its_devices(user: User, as_user) -> None:
    client = as_user(user, make_key(sns_arn=APNS_ARN))
    form = f"communication_channel[type]=push&communication_channel[token]={'ab' * 32}"
    channel = client.call("POST", CHANNELS, form).json()
    assert client.call("DELETE", f"{CHANNELS}/{channel['id']}").status_code == 200
    assert PushDevice.objects.get().workflow_state == "removed"
    assert CommunicationChannel.objects.get().workflow_state == "retired"
