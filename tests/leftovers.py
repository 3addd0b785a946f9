"""Make calls in a process of its own, and count what they leave to the garbage collector.

``python -m tests.leftovers`` reads calls from standard input, as JSON, and writes a count for each. In the
tests' own process, threads of other tests would leave theirs.
"""

import gc
import json
import sys
from collections.abc import Callable
from io import BytesIO
from itertools import count
from typing import Any, NamedTuple
from wsgiref.util import setup_testing_defaults

import django

HOST = "127.0.0.1"
TIMES = 10


class Call(NamedTuple):
    """One that is answered with ``status``; a ``<n>`` in ``params`` is another number each time."""

    method: str
    path: str
    params: Any
    status: str


def answered(handler: Any, call: Call, token: str, body: bytes) -> str:
    """The status of the answer, which is read to its end."""
    statuses: list[str] = []
    path, _, query = call.path.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": call.method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "HTTP_HOST": HOST,
        "HTTP_AUTHORIZATION": f"Bearer {token}",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": BytesIO(body),
    }
    setup_testing_defaults(environ)

    def start_response(status: str, *_: Any) -> Callable[[bytes], object]:
        statuses.append(status)
        return BytesIO().write

    answer: Any = handler(environ, start_response)
    b"".join(answer)
    answer.close()
    return statuses[0]


def left(handler: Any, call: Call, token: str) -> int:
    """How many objects the collector finds after ``TIMES`` answers."""
    numbers = count()

    def answer() -> None:
        body = json.dumps(call.params).replace("<n>", str(next(numbers))).encode() if call.params else b""
        status = answered(handler, call, token, body)
        if status != call.status:
            raise RuntimeError(f"{call} was answered with {status}")

    answer()  # what is made once stays
    gc.collect()
    for _ in range(TIMES):
        answer()
    return gc.collect()


if __name__ == "__main__":
    django.setup()
    from canvas_channels.handler import Handler

    gc.disable()
    given = json.load(sys.stdin)
    handler = Handler()
    json.dump([left(handler, Call(*call), given["token"]) for call in given["calls"]], sys.stdout)
