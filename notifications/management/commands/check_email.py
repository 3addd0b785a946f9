from argparse import ArgumentTypeError
from ipaddress import ip_address
from typing import Any

from django.core.management import CommandParser

from channels_api.addresses import clean_email
from channels_api.errors import InvalidAddress
from notifications.diagnosis import Findings, dns, links, mail
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
        parser.add_argument(
            "--dkim-selector", default="", metavar="NAME", help="What the mail is signed with, to look it up."
        )
        parser.add_argument(
            "--sending-address",
            type=ip_address,
            metavar="IP",
            help="What mail leaves your network from, to look its name up; else the mail server's own.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self.report(_findings(options))


def _findings(options: dict[str, Any]) -> Findings:
    yield from links.check()
    yield from mail.check(options["to"])
    yield from dns.check(
        dkim_selector=options["dkim_selector"], sending_address=str(options["sending_address"] or "")
    )
