"""Requests that arrive at once, at the production server: the database decides, and nobody gets a 5xx."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
import requests
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from channels_api.models import CommunicationChannel, PushDevice
from tests.factories import APNS_ARN, make_channel, make_key, make_token, make_user
from tests.live import LiveServer

pytestmark = pytest.mark.django_db(transaction=True)

DUPLICATE = {"errors": {"path": [{"attribute": "path", "type": "unique!", "message": "unique!"}]}}
DEVICE = "ab12cd34" * 8

Call = Callable[[], requests.Response]


def at_once(calls: list[Call]) -> list[requests.Response]:
    """Make all calls at the same moment, each from a thread of its own."""
    barrier = Barrier(len(calls), timeout=30)

    def wait_and_call(call: Call) -> requests.Response:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(wait_and_call, calls))


def statuses(answers: list[requests.Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


def caller(method: str, url: str, token: str, **body: Any) -> Call:
    headers = {"Authorization": f"Bearer {token}"}
    return lambda: requests.request(method, url, headers=headers, timeout=60, **body)


def create(server: LiveServer, token: str, address: str) -> Call:
    return caller("POST", server.channels(), token, data={
        "communication_channel[type]": "email",
        "communication_channel[address]": address,
    })  # fmt: skip


def register(server: LiveServer, token: str, device: str = DEVICE) -> Call:
    channel = {"type": "push", "token": device}
    return caller("POST", server.channels(), token, json={"communication_channel": channel})


def tokens(user: Any, count: int, key: Any = None) -> list[str]:
    """A token for each request, so that the throttle, which counts by token, has nothing to say."""
    key = key or make_key()
    return [make_token(user, key) for _ in range(count)]


def test_identical_creates_make_one_channel(server: LiveServer) -> None:
    user = make_user()
    answers = at_once([create(server, token, "same@example.edu") for token in tokens(user, 40)])
    assert statuses(answers) == {200: 1, 400: 39}
    assert all(answer.json() == DUPLICATE for answer in answers if answer.status_code == 400)
    assert CommunicationChannel.objects.filter(user=user).count() == 1


def test_different_creates_get_positions_without_gaps(server: LiveServer) -> None:
    user = make_user()
    answers = at_once(
        [create(server, token, f"person{n}@example.edu") for n, token in enumerate(tokens(user, 40))]
    )
    assert statuses(answers) == {200: 40}
    assert sorted(answer.json()["position"] for answer in answers) == list(range(1, 41))


def test_creates_at_the_limit_stop_there(server: LiveServer) -> None:
    user = make_user()
    for _ in range(95):
        make_channel(user)
    answers = at_once(
        [create(server, token, f"last{n}@example.edu") for n, token in enumerate(tokens(user, 12))]
    )
    assert statuses(answers) == {200: 5, 400: 7}
    assert CommunicationChannel.objects.filter(user=user).count() == 100


def test_one_device_registered_many_times_is_one_device(server: LiveServer) -> None:
    user = make_user()
    shapes = [DEVICE.upper(), DEVICE.lower(), DEVICE.title()]
    made = tokens(user, 30, make_key(sns_arn=APNS_ARN))
    answers = at_once([register(server, token, shapes[n % 3]) for n, token in enumerate(made)])
    assert statuses(answers) == {200: 30}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert PushDevice.objects.get().user == user


def test_a_device_of_two_users_ends_with_one(server: LiveServer) -> None:
    key = make_key(sns_arn=APNS_ARN)
    users = [make_user(), make_user()]
    calls = [register(server, token) for user in users for token in tokens(user, 10, key)]
    assert statuses(at_once(calls)) == {200: 20}
    assert PushDevice.objects.get().user in users
    assert CommunicationChannel.objects.filter(type="push").count() == 2


def test_two_devices_of_two_users_swapped_at_once_do_not_deadlock(server: LiveServer) -> None:
    key = make_key(sns_arn=APNS_ARN)
    devices = [DEVICE, "ef56" * 16]
    made = [token for user in (make_user(), make_user()) for token in tokens(user, 5, key)]
    answers = at_once([register(server, token, device) for device in devices for token in made])
    assert statuses(answers) == {200: 20}
    assert PushDevice.objects.count() == 2


def test_registering_and_unregistering_at_once(server: LiveServer) -> None:
    user = make_user()
    made = tokens(user, 20, make_key(sns_arn=APNS_ARN))
    register(server, made[0])()
    path = f"{server.channels()}/push?push_token={DEVICE}"
    answers = at_once(
        [register(server, token) if n % 2 else caller("DELETE", path, token) for n, token in enumerate(made)]
    )
    assert statuses(answers) == {200: 20}
    assert PushDevice.objects.get().user == user


def test_of_many_starts_of_an_app_one_has_the_device_looked_at(server: LiveServer) -> None:
    made = tokens(make_user(), 20, make_key(sns_arn=APNS_ARN))
    register(server, made[0])()
    PushDevice.objects.update(workflow_state="registered", checked_at=timezone.now() - timedelta(hours=2))
    before = ProcrastinateJob.objects.count()
    assert statuses(at_once([register(server, token) for token in made])) == {200: 20}
    assert ProcrastinateJob.objects.count() == before + 1


def test_deleting_the_push_channel_while_devices_register(server: LiveServer) -> None:
    user = make_user()
    made = tokens(user, 20, make_key(sns_arn=APNS_ARN))
    channel = register(server, made[0])().json()["id"]
    path = f"{server.channels()}/{channel}"
    answers = at_once(
        [register(server, token) if n % 2 else caller("DELETE", path, token) for n, token in enumerate(made)]
    )
    assert set(statuses(answers)) <= {200, 404}
    live = CommunicationChannel.objects.get(type="push").workflow_state == "active"
    assert (PushDevice.objects.get().workflow_state != "removed") == live


def test_create_and_delete_at_once_never_leave_two(server: LiveServer) -> None:
    user = make_user()
    path = f"{server.channels()}/email/same%40example.edu"
    made = tokens(user, 30)
    answers = at_once(
        [
            create(server, token, "Same@example.edu") if n % 2 else caller("DELETE", path, token)
            for n, token in enumerate(made)
        ]
    )
    assert set(statuses(answers)) <= {200, 400, 404}
    assert CommunicationChannel.objects.filter(user=user).count() == 1
    listed = requests.get(
        server.channels(), headers={"Authorization": f"Bearer {made[0]}"}, timeout=20
    ).json()
    assert len(listed) <= 1


def test_deleting_at_once_succeeds_once(server: LiveServer) -> None:
    user = make_user()
    path = f"{server.channels()}/{make_channel(user).pk}"
    answers = at_once([caller("DELETE", path, token) for token in tokens(user, 20)])
    assert statuses(answers) == {200: 1, 404: 19}


def test_other_users_may_have_the_same_address(server: LiveServer) -> None:
    made = [make_token(make_user()) for _ in range(20)]
    answers = at_once([create(server, token, "shared@example.edu") for token in made])
    assert statuses(answers) == {200: 20}
