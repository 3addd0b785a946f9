"""procrastinate's own command, whose ``worker`` lives through a restart of the database."""

import os
import time
from typing import Any

from django.db import OperationalError, connection
from procrastinate.contrib.django.management.commands import procrastinate as original

from notifications.worker import process

# Beside a web server on the same cores requests come first, also when an outage makes every job fail.
NICENESS = 10
START_SECONDS = 10.0  # as long as it waits for a database that restarts


class Command(original.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        wait_for_database()
        if options.get("command") == "worker":
            options["func"] = process.run
            os.nice(NICENESS)
        super().handle(*args, **options)


def wait_for_database() -> None:
    """Raises why it cannot be reached, which procrastinate, half a minute later, would not say."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            connection.ensure_connection()
        except OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(process.WAIT_SECONDS)
        else:
            connection.close()
            return
