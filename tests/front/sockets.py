"""Clients that misbehave: sockets that say less than they announced, and keep quiet."""

import json
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPResponse
from typing import Any

from tests.live import LiveServer


def head(line: str, *headers: str, host: str = "127.0.0.1") -> bytes:
    return "\r\n".join([f"{line} HTTP/1.1", f"Host: {host}", *headers, "", ""]).encode()


@contextmanager
def connected(server: LiveServer, said: Sequence[bytes]) -> Iterator[list[socket.socket]]:
    """One open connection for each of ``said``, which has said it."""
    with ExitStack() as stack:
        sockets = []
        for bytes_ in said:
            one = stack.enter_context(socket.create_connection((server.host, server.port), timeout=30))
            one.sendall(bytes_)
            sockets.append(one)
        yield sockets


def answer_on(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    with closing(HTTPResponse(connection)) as answer:
        answer.begin()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()


def ask(server: LiveServer, said: bytes) -> tuple[int, dict[str, str], bytes]:
    with connected(server, [said]) as [one]:
        return answer_on(one)


def message_of(content: bytes) -> Any:
    return json.loads(content)["errors"][0]["message"]
