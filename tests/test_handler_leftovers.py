"""A call leaves nothing to the garbage collector, whose work stops all of a server's threads."""

import gc
import json
from collections.abc import Callable
from io import BytesIO
from itertools import count
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest

from canvas_channels.handler import Handler
from tests.factories import FCM_ARN, make_key, make_token, make_user

pytestmark = pytest.mark.django_db(transaction=True)

PATH = "/api/v1/users/self/communication_channels"
TIMES = 10

_handler = Handler()


def call(method: str, path: str, token: str, body: bytes) -> str:
    """The status of the answer, which is read to its end."""
    statuses: list[str] = []
    path, _, query = path.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "HTTP_HOST": "testserver",
        "HTTP_AUTHORIZATION": f"Bearer {token}",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": BytesIO(body),
    }
    setup_testing_defaults(environ)

    def start_response(status: str, *_: Any) -> Callable[[bytes], object]:
        statuses.append(status)
        return BytesIO().write

    answer: Any = _handler(environ, start_response)
    b"".join(answer)
    answer.close()
    return statuses[0]


def left(answer: Callable[[], object]) -> int:
    """How many objects the collector finds after some answers."""
    gc.collect()
    gc.disable()
    try:
        for _ in range(TIMES):
            answer()
        return gc.collect()
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("method", "path", "params", "status"),
    [
        ("GET", PATH, None, "200 OK"),
        ("GET", f"{PATH}?page=0", None, "404 Not Found"),
        ("POST", PATH, {"communication_channel": {"type": "email", "address": "<n>@example.edu"}}, "200 OK"),
        ("POST", PATH, {"communication_channel": {"type": "push", "token": "<n>"}}, "200 OK"),
        ("GET", "/api/v1/users/0/communication_channels", None, "404 Not Found"),
    ],
)
def test_a_call_leaves_nothing(method: str, path: str, params: Any, status: str) -> None:
    token, number = make_token(make_user(), make_key(sns_arn=FCM_ARN)), count()

    def answer() -> None:
        body = json.dumps(params).replace("<n>", str(next(number))).encode() if params else b""
        assert call(method, path, token, body) == status

    answer()  # what is made once stays
    # Servers of other tests may still be ending in their threads, once.
    assert any(left(answer) < TIMES for _ in range(3))
