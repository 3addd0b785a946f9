"""The worker's connections to the database, which are cut where it answers no more.

A server that has stopped, or whose machine is cut off, keeps its connections: a thread that waits for an
answer would wait for as long as that lasts, while another server may have taken over.
"""

import asyncio
import os
import socket
import threading
from contextlib import suppress
from typing import Any
from weakref import WeakSet

import psycopg
from django.db.backends.signals import connection_created
from psycopg.pq import TransactionStatus
from psycopg_pool import AsyncConnectionPool

ANSWER_SECONDS = 5.0

Connection = psycopg.Connection[Any] | psycopg.AsyncConnection[Any]

_lock = threading.Lock()
_made: WeakSet[Connection] = WeakSet()


def remember(connection: Connection) -> None:
    """Have it be one of those that are cut."""
    with _lock:
        _made.add(connection)


def remember_threads() -> None:
    """Remember Django's connections, of which each thread has its own, from now on."""
    connection_created.connect(_remember_created)


def cut_waiting() -> None:
    """End the connections on which an answer is awaited."""
    with _lock:
        made = list(_made)
    for connection in made:
        if connection.pgconn.transaction_status == TransactionStatus.ACTIVE:
            _cut(connection)


def pool(**options: Any) -> AsyncConnectionPool:
    """psycopg's, which finds out within ``ANSWER_SECONDS`` whether a connection still lives."""
    return AsyncConnectionPool(**options | {"check": _check})


async def _check(connection: psycopg.AsyncConnection[Any]) -> None:
    timer = asyncio.get_running_loop().call_later(ANSWER_SECONDS, _cut, connection)
    try:
        await AsyncConnectionPool.check_connection(connection)
    finally:
        timer.cancel()


def _cut(connection: Connection) -> None:
    """From any thread: the one that waits sees the connection end."""
    with (
        suppress(OSError, psycopg.OperationalError),  # it is closed
        socket.socket(fileno=os.dup(connection.pgconn.socket)) as same,
    ):
        same.shutdown(socket.SHUT_RDWR)


def _remember_created(connection: Any, **_: Any) -> None:
    remember(connection.connection)
