"""procrastinate's own command, whose ``worker`` lives through a restart of the database."""

from typing import Any

from procrastinate.contrib.django.management.commands import procrastinate as original

from notifications import worker


class Command(original.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        if options.get("command") == "worker":
            options["func"] = worker.run
        super().handle(*args, **options)
