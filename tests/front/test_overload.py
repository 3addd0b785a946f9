"""More requests than can be done, on the real server, whose threads wait for locks of the database."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from django.db import connection, transaction

from canvas_channels.core.identity.models import User
from tests.factories import make_token, make_user
from tests.live import PATIENT, LiveServer, serve

pytestmark = pytest.mark.django_db(transaction=True)

SECONDS = 60
CREATES = [
    {"communication_channel[type]": "email", "communication_channel[address]": f"{number}@example.edu"}
    for number in range(30)
]


def create(server: LiveServer, token: str, number: int) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.post(server.channels(), CREATES[number], headers=headers, timeout=SECONDS)


def listed(server: LiveServer, token: str) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(server.channels(), headers=headers, timeout=SECONDS)


@contextmanager
def locked(*users: User) -> Iterator[None]:
    with transaction.atomic():
        list(User.objects.select_for_update().filter(pk__in=[user.pk for user in users]))
        yield


def wait_for_waiting(count: int) -> None:
    """Until so many requests wait for a lock."""
    deadline = time.monotonic() + SECONDS
    with connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone() == (count,):
                return
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_further_requests_than_may_wait_are_refused_at_once_and_none_of_the_others(tmp_path: Path) -> None:
    users = [make_user() for _ in range(4)]
    tokens = [make_token(user) for user in users]
    bounds = PATIENT | {"REQUEST_THREADS": "4", "REQUEST_QUEUE": "3", "OPEN_REQUESTS_PER_MINUTE": "2"}
    with serve(tmp_path / "log", **bounds) as server, ThreadPoolExecutor(12) as pool:
        with locked(*users):
            asked = {pool.submit(create, server, tokens[n % 4], n) for n in range(12)}
            answered: set[Future[requests.Response]] = set()
            while len(answered) < 5:
                done, _ = wait(asked - answered, SECONDS, FIRST_COMPLETED)
                assert done
                answered |= done
            assert requests.get(f"{server.url}/healthz", timeout=SECONDS).status_code == 200
            assert requests.get(f"{server.url}/readyz", timeout=SECONDS).json() == {
                "ready": True,
                "problems": [],
            }
            # Who asks too often is told so all the same.
            guesses = [requests.post(f"{server.url}/login/oauth2/token", timeout=SECONDS) for _ in range(3)]
            assert [guess.status_code for guess in guesses] == [503, 503, 429]
        others = [one.result() for one in asked - answered]
    refused = [one.result() for one in answered]
    assert [answer.status_code for answer in refused] == [503] * 5
    assert {answer.headers["Retry-After"] for answer in refused} == {"1"}
    assert all(
        json.loads(answer.content)["errors"] == [{"message": "The service is busy: try again."}]
        for answer in refused
    )
    assert [answer.status_code for answer in others] == [200] * 7


def test_one_users_tokens_together_leave_a_thread_to_others(tmp_path: Path) -> None:
    user, other = make_user(), make_user()
    tokens, others = [make_token(user) for _ in range(3)], make_token(other)
    with serve(tmp_path / "log", **PATIENT) as server, ThreadPoolExecutor(12) as pool:
        for token in tokens:  # whose they are is known from the first answer on
            assert listed(server, token).status_code == 200
        with locked(user):
            asked = [pool.submit(create, server, tokens[n % 3], n) for n in range(12)]
            wait_for_waiting(3)
            assert [listed(server, others).status_code for _ in range(5)] == [200] * 5
            wait_for_waiting(3)
            assert not any(one.done() for one in asked)
        assert [one.result().status_code for one in asked] == [200] * 12
