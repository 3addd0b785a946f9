from argparse import ArgumentTypeError
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from canvas_channels.core.identity.management.lookups import add_user_options, chosen_user, find_key
from canvas_channels.core.identity.models import DeveloperKey
from canvas_channels.core.identity.tokens import create_token


def end(text: str) -> datetime:
    """An argparse type: whole days from now, or an ISO 8601 date (its start) or time; UTC unless it says."""
    try:
        if text.isascii() and text.isdecimal():
            moment = timezone.now() + timedelta(days=int(text))
        elif day := parse_date(text):
            moment = datetime.combine(day, time.min, UTC)
        elif found := parse_datetime(text):
            moment = found if timezone.is_aware(found) else found.replace(tzinfo=UTC)
        else:
            raise ArgumentTypeError(f"{text!r} is neither a number of days nor an ISO 8601 time")
    except (OverflowError, ValueError) as error:
        raise ArgumentTypeError(f"{text!r} is no time that there is") from error
    if moment <= timezone.now():
        raise ArgumentTypeError(f"{text!r} is past")
    return moment


class Command(BaseCommand):
    help = (
        "Make an access token and print it, and nothing else, on stdout. It is printed this once: only "
        "its checksum is kept."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_user_options(parser)
        parser.add_argument(
            "--developer-key", required=True, metavar="KEY", help="The key's id or client id."
        )
        parser.add_argument(
            "--scope",
            action="append",
            default=[],
            help="A scope of those that the key lists; repeatable. Needed where the key requires scopes.",
        )
        parser.add_argument(
            "--expires",
            type=end,
            metavar="WHEN",
            help="A number of days, or an ISO 8601 date or time (UTC unless it says); default never.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        user = chosen_user(options)
        if not user.is_active:
            raise CommandError(f"User {user.pk} is deactivated.")
        key = find_key(options["developer_key"])
        if key.workflow_state != DeveloperKey.WorkflowState.ACTIVE:
            raise CommandError(f"Developer key {key.pk} is inactive.")
        scopes = list(dict.fromkeys(options["scope"]))
        unlisted = [scope for scope in scopes if scope not in key.scopes]
        if unlisted:
            raise CommandError(f"Developer key {key.pk} does not list the scope {unlisted[0]!r}.")
        if key.require_scopes and not scopes:
            raise CommandError(f"Developer key {key.pk} requires scopes: give --scope.")
        _, plain = create_token(user, key, scopes=scopes, expires=options["expires"])
        self.stdout.write(plain)
