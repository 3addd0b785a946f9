"""Push: registering and unregistering devices."""

import pytest
from oauth2_provider.models import AccessToken
from procrastinate.contrib.django.models import ProcrastinateJob

from canvas_channels.core.identity.models import DeveloperKey, User
from canvas_channels.core.identity.tokens import checksum, revoke_token
from channels_api.models import AuditEntry, CommunicationChannel, PushDevice
from tests.api.conftest import ApiClient
from tests.factories import APNS_ARN, FCM_ARN, make_admin, make_channel, make_key, make_token, make_user

CHANNELS = "/users/self/communication_channels"
TOKEN = "AB" * 32


@pytest.fixture
def key(db: None) -> DeveloperKey:
    return make_key(sns_arn=APNS_ARN)


@pytest.fixture
def phone(user: User, key: DeveloperKey, as_user) -> ApiClient:
    return as_user(user, key)


def register(client: ApiClient, token: str = TOKEN, path: str = CHANNELS):
    return client.call("POST", path, json={"communication_channel": {"type": "push", "token": token}})


def unregister(client: ApiClient, query: str = f"?push_token={TOKEN}"):
    return client.call("DELETE", f"{CHANNELS}/push{query}")


def test_register_makes_an_active_channel_and_a_pending_device(phone: ApiClient, user: User) -> None:
    answer = register(phone)
    assert answer.status_code == 200
    assert answer.json()["address"] == "For All Devices"
    assert (answer.json()["type"], answer.json()["workflow_state"]) == ("push", "active")
    device = PushDevice.objects.get()
    assert (device.user, device.token, device.workflow_state) == (user, TOKEN, "pending")
    assert ProcrastinateJob.objects.get().args["device_id"] == device.pk


def test_same_token_in_any_case_changes_nothing(phone: ApiClient) -> None:
    first = register(phone).json()
    assert register(phone, TOKEN.lower()).json() == first
    assert PushDevice.objects.get().token == TOKEN
    assert ProcrastinateJob.objects.count() == 1


def test_second_device_shares_the_channel(phone: ApiClient) -> None:
    assert register(phone).json()["id"] == register(phone, "CD" * 32).json()["id"]
    assert PushDevice.objects.count() == 2


def test_device_that_changed_hands_moves(phone: ApiClient, user: User, key: DeveloperKey, as_user) -> None:
    register(phone)
    leonard = make_user("Leonard")
    assert register(as_user(leonard, key), TOKEN.lower()).status_code == 200
    assert PushDevice.objects.get().user == leonard
    assert CommunicationChannel.objects.filter(user=user, type="push", workflow_state="active").exists()
    actions = set(AuditEntry.objects.values_list("action", "user"))
    assert {("device_moved_away", user.pk), ("device_moved_here", leonard.pk)} <= actions


def test_same_token_under_another_key_is_another_device(phone: ApiClient, as_user) -> None:
    register(phone)
    register(as_user(make_user("Leonard"), make_key(sns_arn=FCM_ARN)))
    assert PushDevice.objects.count() == 2


@pytest.mark.in_process
def test_session_cannot_register(user: User) -> None:
    client = ApiClient()
    client.force_login(user)
    answer = register(client)
    assert answer.status_code == 400
    assert answer.json() == {"errors": {"type": "Push is only supported when using an access token"}}


def test_key_without_arn(user: User, api: ApiClient) -> None:
    answer = register(api)
    assert answer.status_code == 400
    assert answer.json() == {"errors": {"type": "SNS is not configured for this developer key"}}


def test_only_for_the_callers_own_user(user: User, key: DeveloperKey, as_user) -> None:
    path = f"/users/{user.pk}/communication_channels"
    assert register(as_user(make_admin(), key), path=path).status_code == 403
    assert register(as_user(make_admin(), key), path=f"{CHANNELS}?as_user_id={user.pk}").status_code == 403
    assert not CommunicationChannel.objects.exists()


@pytest.mark.parametrize("token", ["", "AB" * 31, "A" * 65, "ZZ" * 32, "AB" * 101, "é" * 64])
def test_apns_token_that_cannot_be_one(phone: ApiClient, token: str) -> None:
    answer = register(phone, token)
    assert answer.status_code == 400
    assert "token" in answer.json()["errors"]
    assert not CommunicationChannel.objects.exists()


@pytest.mark.parametrize(
    ("token", "status"), [("x", 200), ("x:Y-_" * 800, 200), ("a b", 400), ("x" * 4097, 400)]
)
def test_fcm_tokens_are_opaque(user: User, as_user, token: str, status: int) -> None:
    assert register(as_user(user, make_key(sns_arn=FCM_ARN)), token).status_code == status


def test_unregister_keeps_the_channel(phone: ApiClient) -> None:
    register(phone)
    answer = unregister(phone, f"?push_token={TOKEN.lower()}")
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert PushDevice.objects.get().workflow_state == "removed"
    assert CommunicationChannel.objects.get().workflow_state == "active"


def test_unknown_token_answers_the_same(phone: ApiClient) -> None:
    register(phone)
    assert unregister(phone, "?push_token=unknown").json() == {"success": True}
    assert PushDevice.objects.get().workflow_state == "pending"


def test_unregister_without_push_channel_is_404_before_the_input(phone: ApiClient) -> None:
    assert unregister(phone, "").status_code == 404


def test_unregister_without_token_is_400(phone: ApiClient, user: User) -> None:
    make_channel(user, "For All Devices", "push")
    answer = unregister(phone, "")
    assert answer.status_code == 400
    assert "push_token" in answer.json()["errors"]


def test_another_users_device_stays(phone: ApiClient, key: DeveloperKey, as_user) -> None:
    register(phone)
    leonard = make_user("Leonard")
    make_channel(leonard, "For All Devices", "push")
    assert unregister(as_user(leonard, key)).json() == {"success": True}
    assert PushDevice.objects.get().workflow_state == "pending"


def test_removed_device_comes_back(phone: ApiClient) -> None:
    register(phone)
    unregister(phone)
    register(phone)
    assert PushDevice.objects.get().workflow_state == "pending"


def test_revoking_the_last_token_of_a_key_removes_its_devices(phone: ApiClient, user: User, key) -> None:
    register(phone)
    second = make_token(user, key)
    assert phone.token
    for plain, state in ((phone.token, "pending"), (second, "removed")):
        revoke_token(AccessToken.objects.get(token_checksum=checksum(plain)))
        assert PushDevice.objects.get().workflow_state == state
