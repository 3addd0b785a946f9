from argparse import ArgumentTypeError
from typing import Any

from django.conf import settings
from django.core.management import CommandParser

from canvas_channels.core.identity.management.lookups import find_key
from canvas_channels.core.identity.models import DeveloperKey
from channels_api.addresses import clean_phone_number
from channels_api.errors import InvalidAddress
from notifications.diagnosis import Finding, Findings, Level, credentials, endpoints, texts, wrong
from notifications.gateways.push import region_of
from notifications.management.report import CheckCommand


def number(given: str) -> str:
    try:
        return clean_phone_number(given, None)
    except InvalidAddress as error:
        raise ArgumentTypeError(f"{given!r} {error}; begin with + and the country's code") from None


class Command(CheckCommand):
    help = (
        "Try every step of registering devices and sending text messages with Amazon SNS as configured, and "
        "say which setting is missing. Run it where the worker runs, with the worker's environment. "
        "Exit status 0: nothing is wrong; 1: something is."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            *("--developer-key", "--key"),
            metavar="KEY",
            help="Only this developer key's application, by the key's id or client id.",
        )
        parser.add_argument("--only", choices=["devices", "texts"], help="Leave the other of the two out.")
        parser.add_argument("--to", type=number, metavar="NUMBER", help="Really send a text message to it.")

    def handle(self, *args: Any, **options: Any) -> None:
        self.report(_findings(options["only"], options["developer_key"], options["to"]))


def _findings(only: str | None, key: str | None, to: str | None) -> Findings:
    keys = _keys(key) if only != "texts" else []
    if only != "texts" and not keys:
        yield _no_key()
    usable, found = credentials.find()
    yield from found
    if not usable:
        return
    who, account, found = credentials.identify()
    yield from found
    yield from credentials.check_clock(region_of(keys[0].sns_arn) if keys else settings.AWS_REGION)
    if any(finding.level == Level.WRONG for finding in found):
        return
    for developer_key in keys:
        yield from endpoints.check(developer_key, who or "the worker", account)
    if only != "devices":
        yield from texts.check(who or "the worker", to)


def _no_key() -> Finding:
    return wrong(
        "developer keys",
        "none that is active names an SNS platform application: no app can register a device",
        "Make the application in the SNS console and the key by: manage.py create_developer_key NAME "
        "--sns-arn ARN (or set the ARN of an existing one in Django's admin).",
    )


def _keys(key: str | None) -> list[DeveloperKey]:
    keys = DeveloperKey.objects.filter(workflow_state=DeveloperKey.WorkflowState.ACTIVE).exclude(sns_arn="")
    return list((keys if key is None else keys.filter(pk=find_key(key).pk)).order_by("pk"))
