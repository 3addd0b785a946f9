"""What differs between providers: who checks a request, and what tells two events apart.

The checks are django-anymail's (the shared secret, and the provider's own signature where it has one).
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import orjson
from anymail.exceptions import AnymailConfigurationError, AnymailError, AnymailWebhookValidationFailure
from anymail.webhooks.amazon_ses import AmazonSESTrackingWebhookView
from anymail.webhooks.base import AnymailBasicAuthMixin, AnymailCoreWebhookView
from anymail.webhooks.mailgun import MailgunTrackingWebhookView
from anymail.webhooks.postmark import PostmarkTrackingWebhookView
from anymail.webhooks.sendgrid import SendGridTrackingWebhookView
from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest

from canvas_channels.core import json_text
from notifications.webhooks.models import WebhookEvent

Event = dict[str, Any]
Provider = WebhookEvent.Provider


class WrongSecret(Exception):
    """The request does not have one of ``WEBHOOK_SECRETS``."""


class WrongSignature(Exception):
    """The provider's own check of the request fails."""


class Unreadable(Exception):
    """The body is no event of the provider."""


def _message_id(event: Event) -> object:
    """Of a message that SNS sends again, "the message ID of the original message is used" (Amazon)."""
    return event.get("MessageId")


def _mailgun_id(event: Event) -> object:
    """Mailgun's ids are unique within a day only."""
    data = event.get("event-data")
    return isinstance(data, dict) and data.get("id") and [data["id"], data.get("timestamp")]


def _sendgrid_id(event: Event) -> object:
    return event.get("sg_event_id")


def _no_id(_event: Event) -> object:
    """Postmark's deliveries have none: the whole event counts."""
    return None


@dataclass(frozen=True, slots=True)
class _Reader:
    """``tracker`` is anymail's view, used for its checks and its reading; ``many``: a body is a list."""

    tracker: type[AnymailCoreWebhookView]
    id_of: Callable[[Event], object]
    many: bool = False


_READERS = {
    Provider.AMAZON_SES: _Reader(AmazonSESTrackingWebhookView, _message_id),
    Provider.AMAZON_SNS: _Reader(AmazonSESTrackingWebhookView, _message_id),
    Provider.MAILGUN: _Reader(MailgunTrackingWebhookView, _mailgun_id),
    Provider.POSTMARK: _Reader(PostmarkTrackingWebhookView, _no_id),
    Provider.SENDGRID: _Reader(SendGridTrackingWebhookView, _sendgrid_id, many=True),
}


def tracker(provider: str) -> AnymailCoreWebhookView:
    """Anymail's view; the secret is on whatever ``ANYMAIL`` says, and SES confirms nothing by itself.

    Raises ``AnymailConfigurationError``: Mailgun needs ``MAILGUN_WEBHOOK_SIGNING_KEY`` in ``ANYMAIL``, and
    SendGrid's ``SENDGRID_TRACKING_WEBHOOK_VERIFICATION_KEY``, where it is there, must be a public key.
    """
    kind = _READERS[Provider(provider)].tracker
    options: dict[str, Any] = {"webhook_secret": settings.WEBHOOK_SECRETS}
    if kind is AmazonSESTrackingWebhookView:
        options["auto_confirm_sns_subscriptions"] = False
    try:
        return kind(**options)
    except ValueError:
        raise AnymailConfigurationError("A key of ANYMAIL cannot be read") from None


def has_secret(provider: str, request: HttpRequest) -> bool:
    """Whether a request to a provider's path has one of ``WEBHOOK_SECRETS``; False where there is no path."""
    if not settings.WEBHOOK_SECRETS or provider not in Provider:
        return False
    try:
        return _has_secret(tracker(provider), request)
    except AnymailConfigurationError:
        return False


def _has_secret(checks: AnymailCoreWebhookView, request: HttpRequest) -> bool:
    try:
        AnymailBasicAuthMixin.validate_request(checks, request)
    except AnymailWebhookValidationFailure:
        return False
    return True


def read(provider: str, request: HttpRequest) -> list[Event]:
    """The events that a request brings, once it proved where it comes from.

    Raises :class:`WrongSecret` before anything of the body is looked at, :class:`Unreadable`,
    :class:`WrongSignature`.
    """
    checks = tracker(provider)
    if not _has_secret(checks, request):
        raise WrongSecret
    events = _events(_READERS[Provider(provider)], request.body)
    try:
        checks.run_validators(request)
    except AnymailWebhookValidationFailure as error:
        raise WrongSignature(str(error)) from None
    except (AnymailError, TypeError, UnicodeError):
        raise Unreadable from None
    return events


def _events(reader: _Reader, body: bytes) -> list[Event]:
    try:
        found = json_text.loads(body)
    except orjson.JSONDecodeError:
        raise Unreadable from None
    events = found if reader.many else [found]
    if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
        raise Unreadable
    return events


def key_of(provider: str, event: Event) -> str:
    """What one event is told from another by: the provider's id, else all of it."""
    found = _READERS[Provider(provider)].id_of(event)
    return hashlib.sha256(orjson.dumps(found or event, option=orjson.OPT_SORT_KEYS)).hexdigest()


def replay(provider: str, body: str) -> list[Any]:
    """Anymail's reading of a stored event: its normalised tracking events.

    Raises what anymail raises for an event that lacks what the provider documents.
    """
    content = f"[{body}]" if _READERS[Provider(provider)].many else body
    encoded = content.encode()
    request = WSGIRequest(
        {
            "REQUEST_METHOD": "POST",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(encoded)),
            "wsgi.input": BytesIO(encoded),
        }
    )
    events: list[Any] = tracker(provider).parse_events(request)
    return events
