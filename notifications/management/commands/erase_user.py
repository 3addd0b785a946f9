from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser

from canvas_channels.core.counts import counted
from canvas_channels.core.identity.management.lookups import add_user_options, chosen_user
from canvas_channels.core.identity.models import User
from notifications import personal_data


class Command(BaseCommand):
    help = (
        "Erase a user for good: their name, logins, channels, preferences, devices (also at Amazon SNS, by "
        "the worker), tokens, sessions, and what providers reported of their addresses. Their id and the "
        "audit trail stay, without personal data. Again does no harm. Backups and logs are yours to see to."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_user_options(parser, bare_id=True)
        parser.add_argument("--no-input", "--noinput", action="store_true", help="Ask nothing.")

    def handle(self, *args: Any, **options: Any) -> None:
        user = chosen_user(options)
        if not options["no_input"] and not confirmed(user):
            raise CommandError("Nothing was erased.")
        erased = personal_data.erase(user.pk)
        kinds = {kind.replace("_", " ").removesuffix("s"): count for kind, count in erased.items()}
        counts = ", ".join(counted(count, kind) for kind, count in kinds.items() if count)
        self.stdout.write(f"Erased user {user.pk} ({counts or 'nothing was left'}).")


def confirmed(user: User) -> bool:
    """Show whom it is about and ask the operator to type their id."""
    logins = ", ".join(user.logins.values_list("unique_id", flat=True)) or "no login"
    try:
        typed = input(f"This erases {user.name} ({logins}) for good. Type their id, {user.pk}, to go on: ")
    except EOFError:
        return False
    return typed.strip() == str(user.pk)
