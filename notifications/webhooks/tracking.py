"""What a provider's event means: a kind that Canvas distinguishes, an address, a time and a summary.

Canvas reads SES only (its ``BounceNotificationProcessor``): a suppressed bounce is one whether or not SES
also calls it permanent, a permanent one counts, every other is transient. The tables below say the same
of the other providers, from their documentation of each event. Only a mailbox that is not there counts: what
a server's reply refuses for a quota, a relay or a policy is transient, whatever the provider calls it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parseaddr
from enum import StrEnum
from typing import Any

from anymail.exceptions import AnymailConfigurationError, AnymailError
from anymail.signals import EventType

from notifications.gateways import TransportError, replies
from notifications.gateways.replies import Fault, Stage
from notifications.webhooks import providers
from notifications.webhooks.models import WebhookEvent

Provider = WebhookEvent.Provider


class Kind(StrEnum):
    PERMANENT = "permanent"
    TRANSIENT = "transient"
    SUPPRESSION = "suppression"
    COMPLAINT = "complaint"
    DELIVERY = "delivery"


@dataclass(frozen=True, slots=True)
class Report:
    """``at`` None: the provider does not say when. ``summary`` "": it does not say why.

    ``message_id``: what the provider called the message when it took it; "": it does not say.
    """

    kind: Kind
    address: str
    at: datetime | None
    summary: str
    message_id: str = ""


def read(provider: str, body: str) -> list[Report]:
    """What an event says about addresses; opens, clicks and their like say nothing.

    Raises :class:`TransportError` for one that lacks what its provider documents.
    """
    try:
        found = [_report(provider, event) for event in providers.replay(provider, body)]
    except AnymailConfigurationError:
        raise TransportError(
            "The event is one of incoming mail, or a setting is missing", permanent=True
        ) from None
    except (AnymailError, AttributeError, KeyError, TypeError, ValueError, ArithmeticError, OSError) as error:
        reason = f"The event is not as {Provider(provider).label} documents it: {type(error).__name__}"
        raise TransportError(reason, permanent=True) from None
    return [report for report in found if report is not None]


def _report(provider: str, event: Any) -> Report | None:
    kind = _kind(provider, event)
    address = parseaddr(event.recipient or "")[1]
    if kind is None or not address:
        return None
    summary = event.mta_response or event.description or ""
    if kind is Kind.COMPLAINT:
        summary = f"complaint: {event.description or 'spam'}"
    return Report(kind, address, _aware(event.timestamp), str(summary), str(event.message_id or ""))


def _aware(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _kind(provider: str, event: Any) -> Kind | None:
    if event.event_type == EventType.DELIVERED:
        return Kind.DELIVERY
    if event.event_type == EventType.DEFERRED:
        return Kind.TRANSIENT
    return _REFUSALS[Provider(provider)](event.event_type, event.esp_event)


def _ses(event_type: str, event: dict[str, Any]) -> Kind | None:
    """https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html"""
    if event_type == EventType.COMPLAINED:
        complaint = event["complaint"]
        if complaint.get("complaintSubType") == "OnAccountSuppressionList":
            return Kind.SUPPRESSION
        return None if complaint.get("complaintFeedbackType") == "not-spam" else Kind.COMPLAINT
    if event_type != EventType.BOUNCED:
        return None  # a reject or rendering failure is about the message; after a delay comes another event
    bounce = event["bounce"]
    if bounce["bounceSubType"] in {"Suppressed", "OnAccountSuppressionList", "UnsubscribedRecipient"}:
        return Kind.SUPPRESSION
    if bounce["bounceType"] != "Permanent":
        return Kind.TRANSIENT
    if bounce["bounceSubType"] == "NoEmail":
        return Kind.PERMANENT
    told = [
        f"{each.get('diagnosticCode') or ''} {each.get('status') or ''}"
        for each in bounce["bouncedRecipients"]
    ]
    return _permanent_unless_ours(" ".join(told))


def kind_told(words: str, otherwise: Stage) -> Kind:
    """See :func:`replies.fault_told`."""
    return Kind.PERMANENT if replies.fault_told(words, otherwise) is Fault.MAILBOX else Kind.TRANSIENT


def _permanent_unless_ours(reply: str) -> Kind:
    """What a provider calls permanent, with the server's reply where it tells it: "" does not contradict."""
    return kind_told(reply, Stage.RECIPIENT) if reply.strip() else Kind.PERMANENT


def _sendgrid(event_type: str, event: dict[str, Any]) -> Kind | None:
    """https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event"""
    if event_type == EventType.COMPLAINED:
        return Kind.COMPLAINT
    if event_type == EventType.BOUNCED:
        return _sendgrid_bounce(event)
    listed = {"bounced address", "spam reporting address", "unsubscribed address", "invalid"}
    dropped = event_type == EventType.REJECTED and event.get("reason", "").lower() in listed
    return Kind.SUPPRESSION if dropped else None


def _sendgrid_bounce(event: dict[str, Any]) -> Kind:
    """``bounce_classification``: https://www.twilio.com/docs/sendgrid/ui/analytics-and-reporting/bounce-and-block-classifications"""
    if event.get("type") in {"blocked", "expired"}:
        return Kind.TRANSIENT
    classified = str(event.get("bounce_classification") or "").lower()
    if classified.startswith("invalid"):
        return Kind.PERMANENT
    if classified.startswith(("technical", "content", "reputation", "frequency")):
        return Kind.TRANSIENT
    return _permanent_unless_ours(f"{event.get('reason') or ''} {event.get('status') or ''}")


def _mailgun(event_type: str, event: dict[str, Any]) -> Kind | None:
    """https://documentation.mailgun.com/docs/mailgun/user-manual/events/event-structure

    By "permanent" it means that it tries no more: so it is where it gave up (``old``) or is blocked too.
    """
    if event_type == EventType.COMPLAINED:
        return Kind.COMPLAINT
    if event_type != EventType.BOUNCED:
        return None  # "rejected" is about the message
    data = event["event-data"]
    reason = str(data.get("reason") or "")
    if reason.startswith("suppress-"):
        return Kind.SUPPRESSION
    status = data.get("delivery-status") or {}
    if reason not in {"bounce", "generic", ""} or status.get("bounce-type") == "soft":
        return Kind.TRANSIENT
    told = (status.get("enhanced-code"), status.get("message"), status.get("description"))
    words = " ".join(str(each) for each in told if each)
    return _permanent_unless_ours(f"{status.get('code') or ''} {words}".strip() if words else "")


def _postmark(_event_type: str, event: dict[str, Any]) -> Kind | None:
    """https://postmarkapp.com/developer/api/bounce-api#bounce-types"""
    if event.get("RecordType") not in {"Bounce", "SpamComplaint"}:
        return None  # a change of its suppression list is no bounce of a message
    kind = _POSTMARK_TYPES.get(event.get("Type", ""))
    return _permanent_unless_ours(str(event.get("Details") or "")) if kind is Kind.PERMANENT else kind


_POSTMARK_TYPES = {
    "HardBounce": Kind.PERMANENT,
    "BadEmailAddress": Kind.PERMANENT,
    "ManuallyDeactivated": Kind.SUPPRESSION,
    "SoftBounce": Kind.TRANSIENT,
    "Blocked": Kind.TRANSIENT,
    "DMARCPolicy": Kind.TRANSIENT,
    "SpamComplaint": Kind.COMPLAINT,
    "SpamNotification": Kind.COMPLAINT,
}
_REFUSALS: dict[Provider, Callable[[str, dict[str, Any]], Kind | None]] = {
    Provider.AMAZON_SES: _ses,
    Provider.MAILGUN: _mailgun,
    Provider.POSTMARK: _postmark,
    Provider.SENDGRID: _sendgrid,
}
