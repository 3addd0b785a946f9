"""Text messages: what the AWS account and our own settings let through, and one real message where asked."""

from typing import Any

from django.conf import settings

from channels_api.addresses import country_of, mask
from notifications.diagnosis import Finding, Findings, aws, ok, skipped, warning, wrong
from notifications.gateways import TransportError, sms

STEP = "text messages"
TEXT = "This is a test of manage.py check_push."
SMALL_LIMIT = 1.0  # US dollars a month: what Amazon gives until it is asked for more


def check(who: str, to: str | None) -> Findings:
    """``to`` in E.164, or None: nothing is sent then."""
    yield _countries()
    try:
        yield from _sandbox(who, to)
        yield from _limit(who)
        if to is None:
            yield skipped(STEP, "Publish: give --to NUMBER to send a message")
        else:
            yield from _send(who, to)
    except aws.Refused as refused:  # a fatal one
        yield aws.explain(STEP, refused, action="", resource="*", who=who)


def _countries() -> Finding:
    allowed = settings.SMS_ALLOWED_COUNTRIES
    if not allowed:
        return wrong(STEP, "no country is allowed", "List countries in SMS_ALLOWED_COUNTRIES, as US,CA.")
    if "*" in allowed:
        return warning(
            STEP,
            "every country is allowed, which invites paid-SMS fraud",
            "List the countries that your people live in in SMS_ALLOWED_COUNTRIES.",
        )
    return ok(STEP, f"allowed to {', '.join(allowed)} (SMS_ALLOWED_COUNTRIES)")


def _sandbox(who: str, to: str | None) -> Findings:
    answer = yield from _optional(who, "GetSMSSandboxAccountStatus")
    if answer is None:
        return
    if not answer["IsInSandbox"]:
        yield ok(STEP, "the account is out of the SMS sandbox")
        return
    yield wrong(
        STEP,
        f"the account is in the SMS sandbox in {settings.AWS_REGION}: only verified numbers get messages",
        'Choose "Exit SMS sandbox" in the SNS console (Mobile, Text messaging) in that region; Amazon takes '
        "a day or so. Till then verify a number there, and give it with --to.",
    )


def _limit(who: str) -> Findings:
    answer = yield from _optional(who, "GetSMSAttributes")
    if answer is None:
        return
    limit = answer["attributes"].get("MonthlySpendLimit", "")
    try:
        small = float(limit) <= SMALL_LIMIT
    except ValueError:
        yield skipped(STEP, "the spending limit: the account has set none of its own (Amazon's is 1 USD)")
        return
    if small:
        yield warning(
            STEP,
            f"the account spends at most {limit} USD a month on messages, a hundred or so",
            'Ask AWS Support for an "SNS text messaging spending limit", then set it in the SNS console.',
        )
    else:
        yield ok(STEP, f"the account spends at most {limit} USD a month")


def _send(who: str, to: str) -> Findings:
    country = country_of(to)
    if "*" not in settings.SMS_ALLOWED_COUNTRIES and country not in settings.SMS_ALLOWED_COUNTRIES:
        yield wrong(
            STEP,
            f"{mask(to)} is of {country or 'no single country'}, to which people cannot have messages sent",
            "Add it to SMS_ALLOWED_COUNTRIES if you mean it.",
        )
    answer = yield from _optional(who, "CheckIfPhoneNumberIsOptedOut", phoneNumber=to)
    if answer and answer["isOptedOut"]:
        yield wrong(
            STEP,
            f"{mask(to)} has opted out (its owner answered STOP)",
            'Opt it in again in the SNS console ("Opted out numbers"): once in 30 days, if they ask.',
        )
        return
    try:
        sms.send(to, TEXT)
    except TransportError as error:
        yield _not_sent(who, error)
    else:
        yield ok(STEP, f"Publish: SNS took a message to {mask(to)}; whether it arrives only the phone shows")


def _not_sent(who: str, error: TransportError) -> Finding:
    refused = aws.Refused(error.code, error.words or str(error))
    return aws.explain(STEP, refused, action="Publish", resource="*", who=who)


def _optional(who: str, action: str, **arguments: Any) -> Any:
    """The answer to what the worker itself never asks; None, and said so, where it is not given.

    Raises what is fatal.
    """
    try:
        return aws.ask(settings.AWS_REGION, action, **arguments)
    except aws.Refused as refused:
        if refused.is_fatal:
            raise
        told = f"{who} may not call it (optional)" if refused.is_denied else str(refused)
        yield skipped(STEP, f"{action}: {told}")
        return None
