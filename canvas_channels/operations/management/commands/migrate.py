"""Django's own command, which never has the service wait behind it for a lock."""

import time
from typing import Any

from django.core.management import CommandError
from django.core.management.commands import migrate
from django.db import OperationalError
from psycopg.errors import LockNotAvailable

TRIES = 60
PAUSE_SECONDS = 5.0  # those who waited behind it have their turn meanwhile


class Command(migrate.Command):
    """A migration waits for a lock for two seconds (``core.postgresql``), and is tried again for minutes.

    Each is a transaction: what was applied stays so, and the next try goes on from there.
    """

    def handle(self, *args: Any, **options: Any) -> None:
        for tries_left in reversed(range(TRIES)):
            try:
                super().handle(*args, **options)
                return
            except OperationalError as error:
                if not isinstance(error.__cause__, LockNotAvailable):
                    raise
                if not tries_left:
                    raise CommandError("another transaction holds a lock on what is migrated") from error
            self.stdout.write(f"waits for a lock: tries again in {PAUSE_SECONDS:g} s")
            time.sleep(PAUSE_SECONDS)
