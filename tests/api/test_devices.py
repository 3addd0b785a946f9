"""``users/self/communication_channels/push/devices``: one's own devices."""

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from canvas_channels.core.identity.models import DeveloperKey, User
from channels_api.models import AuditEntry, CommunicationChannel, PushDevice
from tests.api.conftest import ApiClient
from tests.factories import APNS_ARN, FCM_ARN, make_admin, make_key, make_user

DEVICES = "/users/self/communication_channels/push/devices"
CHANNELS = "/users/self/communication_channels"


@pytest.fixture
def key(db: None) -> DeveloperKey:
    return make_key(name="Student for iOS", sns_arn=APNS_ARN)


@pytest.fixture
def phone(user: User, key: DeveloperKey, as_user) -> ApiClient:
    return as_user(user, key)


def register(client: ApiClient, token: str = "AB" * 32) -> PushDevice:
    body = {"communication_channel": {"type": "push", "token": token}}
    assert client.call("POST", CHANNELS, json=body).status_code == 200
    return PushDevice.objects.latest("updated_at")


def test_each_says_its_key_and_its_times_and_never_its_token(phone: ApiClient) -> None:
    device = register(phone)
    [shown] = phone.call("GET", DEVICES).json()
    assert shown.pop("created_at").endswith("Z")
    assert shown.pop("last_seen_at").endswith("Z")
    assert shown == {"id": device.pk, "developer_key_name": "Student for iOS"}


def test_any_token_of_the_owner_sees_all(phone: ApiClient, user: User, as_user) -> None:
    register(phone)
    register(as_user(user, make_key(sns_arn=FCM_ARN)), "fcm-token")
    assert len(as_user(user).call("GET", DEVICES).json()) == 2


def test_others_and_removed_ones_are_left_out(phone: ApiClient, key: DeveloperKey, as_user) -> None:
    register(as_user(make_user("Leonard"), key), "CD" * 32)
    register(phone)
    phone.call("DELETE", f"{CHANNELS}/push?push_token={'AB' * 32}")
    assert phone.call("GET", DEVICES).json() == []


def test_pages(phone: ApiClient) -> None:
    made = [register(phone, f"{n:02}" * 32).pk for n in range(5)]
    answer = phone.call("GET", f"{DEVICES}?per_page=2&page=2")
    assert [row["id"] for row in answer.json()] == made[2:4]
    relations = [link.rpartition('rel="')[2].rstrip('"') for link in answer["Link"].split(",")]
    assert relations == ["current", "next", "prev", "first", "last"]
    assert phone.call("GET", f"{DEVICES}?page=2").json() == []
    assert phone.call("GET", f"{DEVICES}?page=x").status_code == 404


@pytest.mark.parametrize("devices", [1, 5])
def test_listing_is_three_statements(phone: ApiClient, devices: int, django_assert_num_queries) -> None:
    for n in range(devices):
        register(phone, f"{n:02}" * 32)
    with django_assert_num_queries(3):
        phone.call("GET", DEVICES)


def test_string_ids(phone: ApiClient) -> None:
    device = register(phone)
    [shown] = phone.call("GET", DEVICES, accept="application/json+canvas-string-ids").json()
    assert shown["id"] == str(device.pk)


def test_delete_unregisters_and_the_channel_stays(phone: ApiClient, user: User) -> None:
    device = register(phone)
    ProcrastinateJob.objects.all().delete()
    AuditEntry.objects.all().delete()
    answer = phone.call("DELETE", f"{DEVICES}/{device.pk}")
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    device.refresh_from_db()
    assert device.workflow_state == "removed"
    assert ProcrastinateJob.objects.get().args["device_id"] == device.pk
    assert CommunicationChannel.objects.get().workflow_state == "active"
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.user, entry.actor) == ("remove_device", user, user)
    assert entry.details == {"device_id": device.pk}


def test_gone_already_or_somebody_elses_is_404(phone: ApiClient, key: DeveloperKey, as_user) -> None:
    device = register(phone)
    theirs = register(as_user(make_user("Leonard"), key), "CD" * 32)
    assert phone.call("DELETE", f"{DEVICES}/{device.pk}").status_code == 200
    for named in (device.pk, theirs.pk, 0, "x", "9" * 30):
        assert phone.call("DELETE", f"{DEVICES}/{named}").status_code == 404
    theirs.refresh_from_db()
    assert theirs.workflow_state == "pending"


@pytest.mark.parametrize("moves", [False, True])
def test_registered_since_it_is_this_users(phone: ApiClient, key: DeveloperKey, as_user, moves: bool) -> None:
    owner = as_user(make_user("Leonard"), key) if moves else phone
    device = register(owner)
    PushDevice.objects.update(created_at="2020-01-01T00:00:00Z")
    if not moves:
        phone.call("DELETE", f"{DEVICES}/{device.pk}")
    register(phone)
    [shown] = phone.call("GET", DEVICES).json()
    assert shown["created_at"] > "2026"


@pytest.mark.parametrize("path", ["", "/{id}"])
def test_never_while_acting_as_somebody(phone: ApiClient, user: User, as_user, path: str) -> None:
    device = register(phone)
    client = as_user(make_admin(user.home_account))
    method = "DELETE" if path else "GET"
    query = f"?as_user_id={user.pk}"
    assert client.call(method, DEVICES + path.format(id=device.pk) + query).status_code == 403
    device.refresh_from_db()
    assert device.workflow_state == "pending"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_other_verbs_are_405(phone: ApiClient, method: str) -> None:
    assert phone.call(method, DEVICES).status_code == 405
