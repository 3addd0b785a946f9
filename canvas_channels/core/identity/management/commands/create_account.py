from argparse import ArgumentTypeError
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandParser

from canvas_channels.core.identity.management.saving import clean_and_save, write_errors_as_command_errors
from canvas_channels.core.identity.models import Account

MAX_CHANNELS = 2**31 - 1  # what the column holds


def region(text: str) -> str:
    """An argparse type: an ISO 3166 country, in any case."""
    if not (len(text) == 2 and text.isascii() and text.isalpha()):
        raise ArgumentTypeError(f"{text!r} is not a country of two letters (ISO 3166)")
    return text.upper()


def channel_limit(text: str) -> int:
    """An argparse type: a number of channels."""
    if not (text.isascii() and text.isdecimal() and int(text) <= MAX_CHANNELS):
        raise ArgumentTypeError(f"{text!r} is not a number of channels")
    return int(text)


class Command(BaseCommand):
    help = "Make an account (an institution) and print its id."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="The institution's name, as people see it.")
        parser.add_argument(
            "--default",
            action="store_true",
            help="Make it the account that site admins look in; there can be one.",
        )
        parser.add_argument(
            "--region",
            type=region,
            default="US",
            help="Country (ISO 3166) of phone numbers without a country code; default US.",
        )
        parser.add_argument(
            "--locale",
            choices=[code for code, _ in settings.LANGUAGES],
            default=settings.LANGUAGE_CODE,
            help="Language of messages and pages; default %(default)s.",
        )
        parser.add_argument(
            "--no-edit-channels",
            action="store_true",
            help="Users may not add or delete channels (users_can_edit_comm_channels off).",
        )
        parser.add_argument(
            "--keep-institution-email",
            action="store_true",
            help="An address that was imported may not be deleted or changed (edit_institution_email off).",
        )
        parser.add_argument(
            "--institution-email-first",
            action="store_true",
            help="A user's institutional address keeps the first position (institution_email_first).",
        )
        parser.add_argument(
            "--max-channels",
            type=channel_limit,
            metavar="N",
            help="At most this many channels a user (max_communication_channels); default the usual 100.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        account = Account(
            name=options["name"],
            is_default=options["default"],
            region=options["region"],
            locale=options["locale"],
            users_can_edit_comm_channels=not options["no_edit_channels"],
            edit_institution_email=not options["keep_institution_email"],
            institution_email_first=options["institution_email_first"],
            max_communication_channels=options["max_channels"],
        )
        with write_errors_as_command_errors():
            clean_and_save(account)
        self.stdout.write(str(account.pk))
