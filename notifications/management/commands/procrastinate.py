"""procrastinate's own command, whose ``worker`` lives through a restart of the database."""

import os
from typing import Any

from procrastinate.contrib.django.management.commands import procrastinate as original

from notifications.worker import process

# Beside a web server on the same cores requests come first, also when an outage makes every job fail.
NICENESS = 10


class Command(original.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        if options.get("command") == "worker":
            options["func"] = process.run
            os.nice(NICENESS)
        super().handle(*args, **options)
