"""The email backend that is configured: whether it can send, does send, and whether bounces come back."""

import re
from typing import Any

import requests
from anymail.backends.base import AnymailBaseBackend
from anymail.exceptions import AnymailError
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends import console, dummy, filebased, locmem
from django.core.mail.backends.smtp import EmailBackend

from channels_api.addresses import mailbox, mask
from notifications.diagnosis import Finding, Findings, ok, skipped, smtp, warning, wrong
from notifications.gateways import email
from notifications.gateways.replies import Fault
from notifications.webhooks import providers
from notifications.webhooks.models import WebhookEvent

SUBJECT = "Test message"
TEXT = "This is a test of manage.py check_email."
_NOWHERE = (console.EmailBackend, dummy.EmailBackend, filebased.EmailBackend, locmem.EmailBackend)
_LONGEST = 400  # characters of a server's own words


def check(to: str | None) -> Findings:
    """``to``: an address that really gets a message; None: none is sent."""
    yield _timeout()
    try:
        backend: Any = get_connection()
    except (ImproperlyConfigured, ImportError, ValueError) as error:
        yield wrong(
            "backend",
            f"{settings.EMAIL_BACKEND} does not start: {_one_line(error)}",
            "Correct EMAIL_BACKEND, or put what is missing into ANYMAIL, a JSON object (or ANYMAIL_FILE).",
        )
        return
    if isinstance(backend, _NOWHERE):
        yield wrong(
            "backend",
            f"{settings.EMAIL_BACKEND} sends nothing to anybody",
            "Unset EMAIL_BACKEND for SMTP, or name a provider's: anymail.backends.postmark.EmailBackend.",
        )
        return
    yield ok("backend", settings.EMAIL_BACKEND)
    if isinstance(backend, EmailBackend):
        yield from smtp.check(backend)
    elif hasattr(backend, "api_url"):
        yield _reach(backend.api_url)
    yield _send(backend, to) if to else skipped("message", "give --to ADDRESS to send one")
    yield from _check_webhook(backend)


def _timeout() -> Finding:
    if settings.EMAIL_TIMEOUT > 0:
        return ok("timeout", f"{settings.EMAIL_TIMEOUT} s for each step (EMAIL_TIMEOUT)")
    return wrong("timeout", "EMAIL_TIMEOUT must be more than 0", "Unset it, or set seconds, as 10.")


def _reach(url: str) -> Finding:
    """Any answer will do: without a key none of them is good."""
    try:
        requests.head(url, timeout=settings.EMAIL_TIMEOUT, allow_redirects=False)
    except requests.RequestException as error:
        return wrong(
            "connect",
            f"{url} is not reached ({type(error).__name__})",
            "Let this machine reach it over HTTPS (a proxy goes into HTTPS_PROXY), or correct the provider's "
            "API URL in ANYMAIL.",
        )
    return ok("connect", f"{url} answers")


def _send(backend: Any, to: str) -> Finding:
    message = EmailMultiAlternatives(SUBJECT, TEXT, to=[mailbox(to)], connection=backend)
    try:
        message.send()
    except (OSError, AnymailError, UnicodeError) as error:
        words = re.sub(re.escape(to), mask(to), _one_line(error), flags=re.IGNORECASE)
        return wrong("message", f"not taken: {words}", _hint(email.fault_of(error, to), error))
    return ok("message", f"taken for {mask(to)}; see whether it arrives, and not as spam")


def _hint(fault: Fault, error: Exception) -> str:
    match getattr(error, "status_code", None):
        case 401 | 403:
            return "Correct the provider's key in ANYMAIL, and what the key may do there."
        case 402 | 429:
            return "The provider's quota is used up: raise it there."
        case None if fault is Fault.MAILBOX:
            return "The address is refused, not the sender: give one that exists with --to."
        case None if fault is Fault.OURS:
            return "The sender is refused, whoever it writes to: see to its quota, rights, SPF and DKIM."
        case None:
            return "Mend what is said above; the words are the server's."
        case _:
            return "Verify the domain of DEFAULT_FROM_EMAIL with the provider, and its region in ANYMAIL."


def _check_webhook(backend: Any) -> Findings:
    """Whether the provider's bounces would be heard. What sends by SMTP reports by none we know."""
    step = "webhook"
    if not isinstance(backend, AnymailBaseBackend):
        yield skipped(
            step, "by plain SMTP no bounce is reported (a provider's webhook may be set up all the same)"
        )
        return
    provider = str(backend.esp_name).lower().replace(" ", "_")
    if provider not in WebhookEvent.Provider.values:
        yield warning(
            step,
            f"bounces of {backend.esp_name} are not understood",
            f"Those of {', '.join(WebhookEvent.Provider.labels)} are.",
        )
        return
    where = f"{settings.PUBLIC_URL}/webhooks/{provider}"
    if not settings.WEBHOOK_SECRETS:
        yield warning(
            step,
            "there is none: nobody hears of bounces",
            f"Set WEBHOOK_SECRETS, and have the provider report to {where} with it.",
        )
        return
    yield from _check_provider(step, provider, where)


def _check_provider(step: str, provider: str, where: str) -> Findings:
    try:
        providers.tracker(provider)
    except ImproperlyConfigured as error:
        yield wrong(step, f"{where} refuses everything: {_one_line(error)}", "Add the key to ANYMAIL.")
        return
    if provider == WebhookEvent.Provider.AMAZON_SES and not settings.SNS_TOPIC_ARNS:
        yield wrong(
            step, f"{where} believes no topic", "Put the topic of SES's notifications into SNS_TOPIC_ARNS."
        )
    elif provider == WebhookEvent.Provider.MAILGUN and not settings.ANYMAIL.get(
        "MAILGUN_WEBHOOK_SIGNING_KEY"
    ):  # anymail would take the API key, with which Mailgun does not sign
        yield wrong(step, f"{where} refuses everything", "Put MAILGUN_WEBHOOK_SIGNING_KEY into ANYMAIL.")
    elif provider == WebhookEvent.Provider.SENDGRID and not settings.ANYMAIL.get(
        "SENDGRID_TRACKING_WEBHOOK_VERIFICATION_KEY"
    ):
        yield warning(
            step,
            "SendGrid's signature is not checked",
            "Put SENDGRID_TRACKING_WEBHOOK_VERIFICATION_KEY into ANYMAIL.",
        )
    else:
        yield ok(step, f"have the provider report to {where}")


def _one_line(error: Exception) -> str:
    words = " ".join(str(error).split()) or type(error).__name__
    return words if len(words) <= _LONGEST else f"{words[:_LONGEST]}…"
