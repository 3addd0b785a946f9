from argparse import ArgumentTypeError
from typing import Any

from django.core.management import CommandParser

from channels_api.addresses import clean_email
from channels_api.errors import InvalidAddress
from notifications.diagnosis import Findings, links, mail
from notifications.management.report import CheckCommand


def address(given: str) -> str:
    try:
        return clean_email(given)
    except InvalidAddress as error:
        raise ArgumentTypeError(f"{given!r} {error}") from None


class Command(CheckCommand):
    help = (
        "Try every step of sending email as it is configured, up to where a message would be sent, and say "
        "which setting is missing. Run it where the worker runs, with the worker's environment. "
        "Exit status 0: nothing is wrong; 1: something is."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--to", type=address, metavar="ADDRESS", help="Really send a message to it.")

    def handle(self, *args: Any, **options: Any) -> None:
        self.report(_findings(options["to"]))


def _findings(to: str | None) -> Findings:
    yield from links.check()
    yield from mail.check(to)
