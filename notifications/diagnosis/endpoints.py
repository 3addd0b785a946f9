"""Trying all that the worker does with a platform application, with a token that no device has."""

import secrets
import uuid
from collections.abc import Mapping
from typing import Any

from django.conf import settings

from canvas_channels.core.identity.models import DeveloperKey
from notifications.diagnosis import Finding, Findings, aws, ok, skipped, warning, wrong
from notifications.gateways import sns
from notifications.gateways.push import region_of

OWNER = "check_push"  # CustomUserData of what is made here
EVENTS = ("EventEndpointDeleted", "EventDeliveryFailure")

# What an application's ARN must match, for who reads "no such application".
_HINT_MISSING = (
    "Copy the ARN from the SNS console (Mobile, Push notifications) in that region and account into the "
    "developer key: name, platform (APNS and APNS_SANDBOX are two), region and account must all be right."
)


def check(key: DeveloperKey, who: str, account: str) -> Findings:
    """Every step of one developer key's application. ``who``, ``account``: the credentials'; "" unknown."""
    arn, step = key.sns_arn, f"key {key.pk} ({key.name})"
    yield from _check_arn(step, arn, account)
    try:
        yield from _check_application(step, arn, who)
        yield from _check_endpoint(step, arn, who)
    except aws.Refused as refused:  # a fatal one
        yield aws.explain(step, refused, action="", resource=arn, who=who)


def _check_arn(step: str, arn: str, account: str) -> Findings:
    _, partition, _, region, owner, _ = arn.split(":")
    expected = sns.client(region).meta.partition
    if expected != partition:
        yield wrong(step, f"{arn}: region {region} is in the partition {expected}", _HINT_MISSING)
    elif account and owner != account:
        yield wrong(
            step,
            f"{arn} is of the account {owner}, the credentials of {account}",
            "Make the application in the credentials' account, or give the worker credentials of the other: "
            "an application has no policy that lets in another account.",
        )
    else:
        yield ok(step, arn)


def _check_application(step: str, arn: str, who: str) -> Findings:
    """That it exists, is enabled, and reports what becomes of its endpoints. Raises what is fatal."""
    action = "GetPlatformApplicationAttributes"
    try:
        found = aws.ask(region_of(arn), action, PlatformApplicationArn=arn)["Attributes"]
    except aws.Refused as refused:
        if refused.is_fatal:
            raise
        if refused.is_denied:
            yield skipped(step, f"the application's own settings: {who} may not call {action} (optional)")
        elif not refused.is_gone:
            yield aws.explain(step, refused, action=action, resource=arn, who=who)
        else:
            yield _missing(step, arn, refused)
        return
    if str(found.get("Enabled", "true")).lower() != "true":
        yield _disabled(step)
    yield from _check_events(step, found)


def _check_events(step: str, found: Mapping[str, str]) -> Findings:
    for event in EVENTS:
        topic = found.get(event, "")
        if not topic:
            yield warning(
                step,
                f"{event} goes to no topic: nobody hears of it",
                "Set it to an SNS topic that /webhooks/amazon_sns is subscribed to "
                '(docs/providers.md, "Webhooks").',
            )
        elif topic not in settings.SNS_TOPIC_ARNS:
            yield warning(
                step, f"{event} goes to {topic}, which is not believed", "Add it to SNS_TOPIC_ARNS."
            )
        else:
            yield ok(step, f"{event} goes to {topic}")


def _check_endpoint(step: str, arn: str, who: str) -> Findings:
    """Create, read, set and delete one endpoint. Raises what is fatal."""
    application = {"PlatformApplicationArn": arn, "Token": _harmless_token(arn), "CustomUserData": OWNER}
    try:
        made = aws.ask(region_of(arn), "CreatePlatformEndpoint", **application)["EndpointArn"]
        yield ok(step, "CreatePlatformEndpoint")
    except aws.Refused as refused:
        made = ""
        yield _not_created(step, arn, who, refused)
        if not refused.is_denied:
            return  # where it is only that, the others' rights can be tried all the same
    # IAM judges before SNS looks: to a made-up endpoint the answer to who may ask is NotFound.
    endpoint = made or f"{arn.replace(':app/', ':endpoint/', 1)}/{uuid.uuid4()}"
    kept = {"Token": application["Token"], "CustomUserData": OWNER, "Enabled": "true"}
    yield _try(step, "GetEndpointAttributes", endpoint, who)
    yield _try(step, "SetEndpointAttributes", endpoint, who, Attributes=kept)
    deleted = _try(step, "DeleteEndpoint", endpoint, who)
    yield deleted
    if made and deleted.hint:
        yield warning(step, f"left behind: {made}", "Delete it in the SNS console; it reaches nobody.")


def _try(step: str, action: str, endpoint: str, who: str, **arguments: Any) -> Finding:
    try:
        aws.ask(region_of(endpoint), action, EndpointArn=endpoint, **arguments)
    except aws.Refused as refused:
        if not refused.is_gone:
            resource = f"{endpoint.rpartition('/')[0]}/*"
            return aws.explain(step, refused, action=action, resource=resource, who=who)
    return ok(step, action)


def _not_created(step: str, arn: str, who: str, refused: aws.Refused) -> Finding:
    """Raises what is fatal."""
    if refused.is_fatal:
        raise refused
    if refused.is_gone or "PlatformApplicationArn" in refused.words:
        return _missing(step, arn, refused)
    if refused.code in aws.DISABLED:
        return _disabled(step)
    return aws.explain(step, refused, action="CreatePlatformEndpoint", resource=arn, who=who)


def _missing(step: str, arn: str, refused: aws.Refused) -> Finding:
    """With what there is in that region and account, where that may be listed."""
    try:
        listed = aws.ask(region_of(arn), "ListPlatformApplications")["PlatformApplications"]
    except aws.Refused:
        there = ""
    else:
        names = sorted(found["PlatformApplicationArn"].rpartition(":app/")[2] for found in listed)
        there = f" There are: {', '.join(names[:20]) or 'none'}."
    return wrong(step, f"SNS knows no such application ({refused.words})", _HINT_MISSING + there)


def _disabled(step: str) -> Finding:
    return wrong(
        step,
        "the application is disabled: Apple or Google refuses its credentials",
        "Upload a current .p8 token, certificate or service account JSON in the SNS console, which enables "
        "it again.",
    )


def _harmless_token(arn: str) -> str:
    """Of the platform's form, and no device's: SNS asks Apple and Google only when it sends."""
    return secrets.token_hex(32) if "/GCM/" not in arn else f"check-push-{secrets.token_hex(32)}"
