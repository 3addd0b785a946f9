"""What waits for a row while somebody changes what it is about to read."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connection, connections, transaction

from canvas_channels.core.identity.models import User

Result = TypeVar("Result")


def changed_first(user: User, call: Callable[[], Result], change: Callable[[], object]) -> Result:
    """Begin ``call``, make ``change`` while it waits for the user's row, and return what comes of it then.

    For tests with ``transaction=True``.
    """

    def from_a_thread() -> Result:
        try:
            return call()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as threads:
        with transaction.atomic(), connection.cursor() as cursor:
            User.objects.select_for_update().get(pk=user.pk)
            result = threads.submit(from_a_thread)
            waiting = 0
            while not waiting and not result.done():
                cursor.execute(
                    "SELECT count(*) FROM pg_locks WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))"
                )
                (waiting,) = cursor.fetchone()
                time.sleep(0.01)
            change()
        return result.result()
