from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser

from canvas_channels.core.counts import counted
from canvas_channels.core.identity.callers import is_id
from notifications import deliveries
from notifications.deliveries import NAMES, Delivery


class Command(BaseCommand):
    help = (
        "List what is not delivered: messages, devices that SNS does not know, providers' events, fan-outs, "
        "imports and other jobs that failed, the newest first, each with its state and the reason of its "
        "last failure."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--limit", type=int, default=100, help="How many of each kind are listed; default 100."
        )
        parser.add_argument(
            "--retry",
            metavar="ID",
            help="Try again now: one, by its id as listed (confirmation:12), or all that failed, with all.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["retry"] is None:
            self._list(max(0, options["limit"]))
        elif options["retry"] == "all":
            asked = deliveries.retry_all()
            kinds = {kind.replace("_", " "): number for kind, number in asked.items()}
            counts = ", ".join(counted(number, kind) for kind, number in kinds.items() if number)
            self.stdout.write(f"Asked again for {counts or 'nothing: nothing failed'}.")
        else:
            self._retry(options["retry"])

    def _list(self, limit: int) -> None:
        for delivery in deliveries.undelivered(limit):
            self.stdout.write(line_of(delivery))

    def _retry(self, given: str) -> None:
        kind, _, number = given.partition(":")
        if kind not in NAMES or not is_id(number):
            raise CommandError(f"--retry takes all, or an id as listed: {', '.join(NAMES)}:<number>.")
        if not deliveries.retry(kind, int(number)):
            raise CommandError(
                f"{given} cannot be tried again: it is done, is of no use, or its address bounced."
            )
        self.stdout.write(f"Asked again for {given}.")


def line_of(delivery: Delivery) -> str:
    """Tab-separated; a reason has one line."""
    since = delivery.since.isoformat(timespec="seconds") if delivery.since else "-"
    reason = " ".join(delivery.reason.split()) or "not tried yet"
    return "\t".join([f"{delivery.kind}:{delivery.id}", delivery.state, since, delivery.to, reason])
