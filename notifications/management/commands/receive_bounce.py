import os
import sys
from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser
from django.db import Error

from notifications.bounce_mail.receiving import receive


class Command(BaseCommand):
    help = (
        "Take a bounce or a complaint from the mail server, a message on standard input. What is no report "
        "of a message of ours changes nothing. Exit status 75 has the mail server try again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "recipient",
            nargs="?",
            default="",
            help="The envelope's recipient, where the message's headers do not tell it.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            known = receive(sys.stdin.buffer.read(), options["recipient"])
        except Error as error:
            raise CommandError(f"The database does not take it: {error}", returncode=os.EX_TEMPFAIL) from None
        self.stdout.write("Counted." if known else "No report of a message of ours.")
