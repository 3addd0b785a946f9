"""Who may change a channel, and see a user's devices: every role by every action, as one table."""

import pytest

from canvas_channels.core.identity.models import User
from channels_api.models import AuditEntry, CommunicationChannel, PushDevice
from tests.api.conftest import ApiClient
from tests.api.test_rights import ALLOWED, ROLES
from tests.changing import FORBIDDEN
from tests.factories import APNS_ARN, make_account, make_channel, make_key, make_site_admin, make_user

pytestmark = pytest.mark.django_db

ADMINS = ALLOWED - {"self"}
CHANNEL = "/users/{user}/communication_channels/{channel}"
DEVICES = "/users/self/communication_channels/push/devices"
SCOPES = {
    "PUT": "url:PUT|/api/v1/users/:user_id/communication_channels/:id",
    "GET": "url:GET|/api/v1/users/self/communication_channels/push/devices",
    "DELETE": "url:DELETE|/api/v1/users/self/communication_channels/push/devices/:id",
}

# what is sent, and who may send it
CHANGES: dict[str, tuple[str, set[str]]] = {
    "address": ("communication_channel[address]=n@example.edu", ALLOWED),
    "address at once": ("communication_channel[address]=n@example.edu&skip_confirmation=1", ALLOWED),
    "position": ("communication_channel[position]=1", ALLOWED),
    "institutional": ("communication_channel[institutional]=1", ADMINS),
    "institutional and more": (
        "communication_channel[institutional]=1&communication_channel[address]=n@example.edu",
        ADMINS,
    ),
}


@pytest.fixture(params=[False, True], ids=["users may edit", "users may not edit"])
def locked(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def channel(locked: bool) -> CommunicationChannel:
    owner = make_user(account=make_account(users_can_edit_comm_channels=not locked))
    make_channel(owner)
    return make_channel(owner, "o@example.edu")


def path_of(channel: CommunicationChannel) -> str:
    return CHANNEL.format(user=channel.user_id, channel=channel.pk)


def unchanged(channel: CommunicationChannel) -> bool:
    now = CommunicationChannel.objects.get(pk=channel.pk)
    fields = ("address", "pending_address", "position", "institutional", "workflow_state")
    return all(getattr(now, field) == getattr(channel, field) for field in fields)


@pytest.mark.parametrize("action", CHANGES)
@pytest.mark.parametrize("role", ROLES)
def test_changing(role: str, action: str, channel: CommunicationChannel, locked: bool, as_user) -> None:
    form, allowed = CHANGES[action]
    answer = as_user(ROLES[role](channel.user)).call("PUT", path_of(channel), form)
    if role in allowed and not (locked and role == "self"):
        assert (answer.status_code, unchanged(channel)) == (200, False)
        at_once = "address at once" in action and role in ADMINS
        assert (answer.json()["address"] == "n@example.edu") == at_once
        assert ("last_bounce_summary" in answer.json()) == (role == "site admin")
    else:
        assert (answer.status_code, answer.json()) == (403, FORBIDDEN)
        assert unchanged(channel)
        assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("action", CHANGES)
@pytest.mark.parametrize("role", ROLES)
def test_changing_while_acting(role: str, action: str, channel, locked: bool, as_user) -> None:
    """Those who act as the user have the user's own rights."""
    form, allowed = CHANGES[action]
    caller = ROLES[role](channel.user)
    answer = as_user(caller).call("PUT", f"{path_of(channel)}?as_user_id={channel.user_id}", form)
    if role not in ALLOWED:
        assert answer.status_code == 401
    elif locked or "self" not in allowed:
        assert answer.status_code == 403
    else:
        assert (answer.status_code, answer.json()["address"]) == (200, "o@example.edu")
        entry = AuditEntry.objects.get()
        assert entry.actor == caller
        assert entry.acting_as == (None if role == "self" else channel.user)
        return
    assert unchanged(channel)


@pytest.mark.parametrize("action", CHANGES)
def test_changing_needs_credentials(action: str, as_user) -> None:
    channel = make_channel(make_user())
    answer = ApiClient().call("PUT", path_of(channel), CHANGES[action][0])
    assert (answer.status_code, answer.json()["status"]) == (401, "unauthenticated")
    assert unchanged(channel)


def test_no_right_comes_before_no_channel(as_user) -> None:
    owner = make_user()
    path = CHANNEL.format(user=owner.pk, channel=999_999)
    assert as_user(make_user("Leonard")).call("PUT", path).status_code == 403
    assert as_user(owner).call("PUT", path).status_code == 404


@pytest.fixture
def device(as_user) -> PushDevice:
    owner = make_user()
    body = {"communication_channel": {"type": "push", "token": "ab" * 32}}
    client = as_user(owner, make_key(sns_arn=APNS_ARN))
    assert client.call("POST", "/users/self/communication_channels", json=body).status_code == 200
    return PushDevice.objects.get()


@pytest.mark.parametrize("role", ROLES)
def test_devices_are_the_owners_only(role: str, device: PushDevice, as_user) -> None:
    client = as_user(ROLES[role](device.user))
    path = f"{DEVICES}/{device.pk}"
    acting = f"?as_user_id={device.user_id}"
    shown = [row["id"] for row in client.call("GET", DEVICES).json()]
    if role == "self":
        assert shown == [device.pk]
        assert client.call("DELETE", path).status_code == 200
        return
    assert shown == []
    assert client.call("DELETE", path).status_code == 404
    refused = 403 if role in ALLOWED else 401
    assert client.call("GET", DEVICES + acting).status_code == refused
    assert client.call("DELETE", path + acting).status_code == refused
    device.refresh_from_db()
    assert device.workflow_state == "pending"


def test_nobody_else_has_a_path_to_a_users_devices(device: PushDevice, as_user) -> None:
    path = f"/users/{device.user_id}/communication_channels/push/devices"
    client = as_user(make_site_admin())
    assert client.call("GET", path).status_code == 405  # only the deletion of a push channel is there
    assert client.call("DELETE", f"{path}/{device.pk}").status_code == 404


def test_devices_need_credentials() -> None:
    assert ApiClient().call("GET", DEVICES).status_code == 401
    assert ApiClient().call("DELETE", f"{DEVICES}/1").status_code == 401


@pytest.mark.parametrize("method", SCOPES)
def test_scopes(method: str, device: PushDevice, as_user) -> None:
    owner: User = device.user
    channel = make_channel(owner)
    path = {"PUT": path_of(channel), "GET": DEVICES, "DELETE": f"{DEVICES}/{device.pk}"}[method]
    form = CHANGES["position"][0] if method == "PUT" else ""
    key = make_key(require_scopes=True, scopes=list(SCOPES.values()))
    others = [scope for verb, scope in SCOPES.items() if verb != method]
    refused = as_user(owner, key, scopes=others).call(method, path, form)
    assert (refused.status_code, "WWW-Authenticate" in refused) == (401, False)
    assert refused.json() == {"errors": [{"message": "Insufficient scopes on access token."}]}
    assert as_user(owner, key, scopes=[SCOPES[method]]).call(method, path, form).status_code == 200
