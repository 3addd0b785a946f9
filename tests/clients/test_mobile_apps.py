"""The requests of Canvas's Android (Retrofit) and iOS (Swift) apps, byte for byte."""

import json
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from typing import Any

import pytest

from channels_api.models import CommunicationChannel, PushDevice
from notifications.models import NotificationPreference
from tests.factories import APNS_ARN, FCM_ARN, load_catalogue, make_channel, make_key, make_token, make_user
from tests.live import LiveServer

pytestmark = pytest.mark.django_db(transaction=True)

CHANNELS = "/api/v1/users/self/communication_channels"
FCM_TOKEN = "dQw4w9WgXcQ:APA91bHun4MxP5egoKMwt2KZFBaFUH-1RYqx_Zk"
APNS_TOKEN = "AB12" * 16
STRING_IDS = "application/json+canvas-string-ids"

Answer = tuple[int, Any]
Send = Callable[..., Answer]


@pytest.fixture
def send(server: LiveServer) -> Iterator[Send]:
    """Sends exactly the given headers and body, over one connection, as the apps do."""
    connection = HTTPConnection(server.host, server.port, timeout=30)

    def request(method: str, path: str, token: str, body: bytes = b"", **headers: str) -> Answer:
        connection.putrequest(method, path, skip_accept_encoding=True)
        connection.putheader("Authorization", f"Bearer {token}")
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        if body:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body or None)
        response = connection.getresponse()
        return response.status, json.loads(response.read())

    yield request
    connection.close()


def send_json(send: Send, method: str, path: str, token: str, value: Any) -> Answer:
    body = json.dumps(value).encode()
    return send(method, path, token, body, Content_Type="application/json", Accept=STRING_IDS)


def register_android(send: Send, token: str, device: str = FCM_TOKEN) -> Answer:
    query = f"communication_channel[type]=push&communication_channel[token]={device}"
    return send("POST", f"{CHANNELS}?{query}", token)


def register_ios(send: Send, token: str) -> Answer:
    channel = {"communication_channel": {"type": "push", "token": APNS_TOKEN}}
    return send_json(send, "POST", CHANNELS, token, channel)


def test_android_registers_a_device_without_a_body(send: Send) -> None:
    user = make_user()
    status, channel = register_android(send, make_token(user, make_key(sns_arn=FCM_ARN)))
    assert status == 200
    assert (channel["type"], channel["address"]) == ("push", "For All Devices")
    assert channel["workflow_state"] == "active"
    assert PushDevice.objects.get().token == FCM_TOKEN


def test_android_registers_with_an_empty_body_that_says_so(send: Send) -> None:
    token = make_token(make_user(), make_key(sns_arn=FCM_ARN))
    query = f"communication_channel%5Btype%5D=push&communication_channel%5Btoken%5D={FCM_TOKEN}"
    status, channel = send("POST", f"{CHANNELS}?{query}", token, Content_Length="0")
    assert (status, channel["type"]) == (200, "push")


def test_android_unregisters_by_the_query(send: Send) -> None:
    token = make_token(make_user(), make_key(sns_arn=FCM_ARN))
    register_android(send, token)
    assert send("DELETE", f"{CHANNELS}/push?push_token={FCM_TOKEN}", token) == (200, {"success": True})
    assert PushDevice.objects.get().workflow_state == "removed"


def test_android_lists_by_a_numeric_id(send: Send) -> None:
    user = make_user()
    address = make_channel(user).address
    status, channels = send("GET", f"/api/v1/users/{user.pk}/communication_channels", make_token(user))
    assert (status, [channel["address"] for channel in channels]) == (200, [address])


def test_ios_registers_a_device_with_json(send: Send) -> None:
    user = make_user()
    status, channel = register_ios(send, make_token(user, make_key(sns_arn=APNS_ARN)))
    assert (status, channel["type"]) == (200, "push")
    assert (channel["id"], channel["user_id"]) == (
        str(CommunicationChannel.objects.get().pk),
        str(user.pk),
    )


def test_ios_unregisters_with_a_body_on_delete(send: Send) -> None:
    token = make_token(make_user(), make_key(sns_arn=APNS_ARN))
    register_ios(send, token)
    answer = send_json(send, "DELETE", f"{CHANNELS}/push", token, {"push_token": APNS_TOKEN})
    assert answer == (200, {"success": True})
    assert PushDevice.objects.get().workflow_state == "removed"


def test_ios_unregisters_where_there_is_no_push_channel(send: Send) -> None:
    token = make_token(make_user(), make_key(sns_arn=APNS_ARN))
    status, _ = send_json(send, "DELETE", f"{CHANNELS}/push", token, {"push_token": APNS_TOKEN})
    assert status == 404


def test_ios_decodes_every_key_of_the_list(send: Send) -> None:
    user = make_user()
    make_channel(user)
    make_channel(user, "+16265550100", "sms", "unconfirmed")
    status, channels = send("GET", CHANNELS, make_token(user), Accept=STRING_IDS)
    assert status == 200
    assert [(c["type"], c["position"], c["workflow_state"]) for c in channels] == [
        ("email", 1, "active"),
        ("sms", 2, "unconfirmed"),
    ]
    assert all(isinstance(c["id"], str) and c["user_id"] == str(user.pk) for c in channels)
    assert all(c["address"] for c in channels)


def test_requests_share_a_connection(send: Send) -> None:
    token = make_token(make_user())
    for _ in range(3):
        assert send("GET", CHANNELS, token) == (200, [])


ENTRY = {"notification": "new_announcement", "category": "announcement", "frequency": "daily"}


@pytest.mark.parametrize("encoded", [False, True])
@pytest.mark.parametrize("headers", [{}, {"Content_Length": "0"}])
def test_android_sets_preferences_by_the_query(send: Send, encoded: bool, headers: dict[str, str]) -> None:
    load_catalogue()
    user = make_user()
    path = f"{CHANNELS}/{make_channel(user).pk}/notification_preferences"
    query = (
        "notification_preferences[new_announcement][frequency]=daily"
        "&notification_preferences[alert][frequency]=never"
    )
    if encoded:
        query = query.replace("[", "%5B").replace("]", "%5D")
    alert = {"notification": "alert", "category": "alert", "frequency": "never"}
    answer = send("PUT", f"{path}?{query}", make_token(user), **headers)
    assert answer == (200, {"notification_preferences": [ENTRY, alert]})
    assert NotificationPreference.objects.count() == 2


def test_ios_sets_preferences_with_json(send: Send) -> None:
    load_catalogue()
    user = make_user()
    path = f"{CHANNELS}/{make_channel(user).pk}/notification_preferences"
    wanted = {"notification_preferences": {"new_announcement": {"frequency": "daily"}}}
    answer = send_json(send, "PUT", path, make_token(user), wanted)
    assert answer == (200, {"notification_preferences": [ENTRY]})
    assert NotificationPreference.objects.get().frequency == "daily"


@pytest.mark.parametrize("accept", ["application/json", STRING_IDS])
def test_the_apps_read_preferences(send: Send, accept: str) -> None:
    load_catalogue()
    user = make_user()
    path = f"{CHANNELS}/{make_channel(user).pk}/notification_preferences"
    status, found = send("GET", path, make_token(user), Accept=accept)
    assert status == 200
    assert ENTRY | {"frequency": "immediately"} in found["notification_preferences"]


SYNC = "/api/v1/users/self/custom_data/data_sync"
SYNC_NAMESPACE = "MOBILE_CANVAS_USER_NOTIFICATION_STATUS_SETUP"


def test_ios_finds_its_marker_again(send: Send) -> None:
    """Where it gets an error it sets nearly every push preference anew."""
    token = make_token(make_user())
    path = f"{SYNC}?ns={SYNC_NAMESPACE}"
    assert send("GET", path, token, Accept=STRING_IDS) == (400, {"message": "no data for scope"})
    marker = {"ns": SYNC_NAMESPACE, "data": {"user_id": 5, "done": True}}
    for status in (201, 200):
        assert send_json(send, "PUT", SYNC, token, marker) == (status, {"data": marker["data"]})
    assert send("GET", path, token, Accept=STRING_IDS) == (200, {"data": marker["data"]})


@pytest.mark.parametrize("place", ["query", "body"])
def test_ios_keeps_its_marker_as_a_form(send: Send, place: str) -> None:
    token = make_token(make_user())
    form = f"ns={SYNC_NAMESPACE}&data=true"
    if place == "query":
        answer = send("PUT", f"{SYNC}?{form}", token)
    else:
        kind = "application/x-www-form-urlencoded"
        answer = send("PUT", SYNC, token, form.encode(), Content_Type=kind)
    assert answer == (201, {"data": "true"})
