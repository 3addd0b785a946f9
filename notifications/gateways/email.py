"""Email, by Django's API: SMTP, or any of django-anymail's providers by a setting.

Timeouts are Django's ``EMAIL_TIMEOUT`` (anymail: ``ANYMAIL_REQUESTS_TIMEOUT``). Errors are raised from None:
the originals hold full addresses, and a traceback would put them into the log.
"""

import smtplib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formataddr
from http import HTTPStatus
from typing import Any

from anymail.exceptions import (
    AnymailAPIError,
    AnymailConfigurationError,
    AnymailError,
    AnymailInvalidAddress,
    AnymailRecipientsRefused,
)
from anymail.utils import parse_single_address
from django.conf import settings
from django.core.mail import BadHeaderError, EmailMultiAlternatives
from django.core.mail.backends.smtp import EmailBackend
from django.dispatch import Signal

from canvas_channels.core import metrics
from channels_api.addresses import mailbox, mask
from channels_api.errors import InvalidAddress
from notifications.gateways import AddressRefused, TransportError, envelopes, mailers, replies
from notifications.gateways.replies import Fault, Stage

address_refused = Signal()  # the mail server knows no such mailbox; arguments: address, reply (its words)

# Of a provider's answers only these may say that the address is none; the others refuse us.
_BAD_REQUEST = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}
_AWAY = HTTPStatus.INTERNAL_SERVER_ERROR
_PASSING = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS}


@dataclass(frozen=True, slots=True)
class Email:
    """``from_name`` "": the service's own. ``headers`` come beside those that every message has."""

    subject: str
    text: str
    html: str
    from_name: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class _Message(EmailMultiAlternatives):
    """Keeps a header's URL on the line of its name: readers of mail look for it there."""

    def message(self, **options: Any) -> Any:
        made = super().message(**options)
        made.policy = made.policy.clone(max_line_length=998)  # RFC 5322, section 2.1.1
        return made


@metrics.delivery("email")
def send(address: str, render: Callable[[], Email], row: str, about: str = "") -> str:
    """Deliver to one address what ``render`` makes; returns what the provider's events call the message.

    ``row`` is what bounces come back to (see :mod:`notifications.gateways.envelopes`), and what the
    ``Message-ID`` is made of where ``about`` is no other. Raises :class:`TransportError`.

    It goes to the address's :func:`mailbox`: Django would turn its domain into another. The message is made
    once there is a mail server to take it: an outage costs no more than a failed connection.
    """
    try:
        to = mailbox(address)
    except InvalidAddress as error:
        raise TransportError(f"{mask(address)}: {error}", permanent=True) from None
    with _errors_named(address, sending=False):
        mailer = mailers.mailer()
    email = render()
    message = _Message(
        email.subject,
        email.text,
        _sender(email),
        to=[to],
        connection=mailer,
        headers={
            "Message-ID": envelopes.message_id(about or row),
            "Auto-Submitted": "auto-generated",  # RFC 3834
            **email.headers,
        },
    )
    message.attach_alternative(email.html, "text/html")
    if isinstance(mailer, EmailBackend) and (back := envelopes.return_path(row)):
        message.extra_headers["From"] = message.from_email
        message.from_email = back
    with _errors_named(address):
        message.send()
    status = getattr(message, "anymail_status", None)
    return str(getattr(status, "message_id", None) or message.extra_headers["Message-ID"])


def _sender(email: Email) -> str:
    return (
        formataddr((email.from_name, envelopes.sender())) if email.from_name else settings.DEFAULT_FROM_EMAIL
    )


@contextmanager
def _errors_named(address: str, *, sending: bool = True) -> Iterator[None]:
    """Where nothing is being sent yet, nothing that fails is the address's fault."""
    try:
        yield
    except (OSError, AnymailError, BadHeaderError, UnicodeError) as error:  # SMTPException is an OSError
        mailers.forget()
        fault = fault_of(error, address)
        if fault is Fault.MAILBOX and not sending:
            fault = Fault.OURS
        reason = f"{mask(address)}: {_describe(error)}"
        if fault is Fault.MAILBOX and isinstance(
            error, smtplib.SMTPRecipientsRefused | smtplib.SMTPResponseException
        ):
            code, words = _reply(error)
            address_refused.send(None, address=address, reply=f"{code} {words}")
            raise AddressRefused(reason, permanent=True) from None
        raise TransportError(
            reason,
            permanent=fault is Fault.MAILBOX,
            ours=fault is Fault.OURS,
            unanswered=not sending or _is_unanswered(error),
        ) from None


def _is_unanswered(error: Exception) -> bool:
    """Whether the server, or provider, said nothing of the message."""
    if isinstance(error, AnymailError):
        return isinstance(error, AnymailAPIError) and (_status(error) or _AWAY) >= _AWAY
    said = (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused, smtplib.SMTPNotSupportedError)
    return isinstance(error, OSError) and not isinstance(error, said)


def fault_of(error: Exception, address: str) -> Fault:
    """Whose fault it is that a message to the address was not taken."""
    match error:
        case smtplib.SMTPRecipientsRefused():
            return replies.fault_of(Stage.RECIPIENT, *_reply(error))
        case smtplib.SMTPSenderRefused():
            return replies.fault_of(Stage.SENDER, *_reply(error))
        case smtplib.SMTPDataError():
            return replies.fault_of(Stage.MESSAGE, *_reply(error))
        case smtplib.SMTPResponseException():
            return replies.fault_of(Stage.SESSION, *_reply(error))
        case AnymailRecipientsRefused():
            return Fault.OURS if replies.names_sender(_answer(error)) else Fault.MAILBOX
        case AnymailAPIError():
            return _fault_of_answer(error)
        case AnymailInvalidAddress():
            return Fault.OURS if _is_readable(address) else Fault.MAILBOX  # else it is the sender's
        case AnymailConfigurationError() | BadHeaderError():
            return Fault.OURS
        case smtplib.SMTPNotSupportedError() | AnymailError() | UnicodeError():
            return Fault.MAILBOX  # no way to say it to this one
        case _:
            return Fault.PASSING


def _fault_of_answer(error: AnymailAPIError) -> Fault:
    """Of a provider's own API: it refuses an address in so many words, or us."""
    status = _status(error)
    if status is None or status >= _AWAY or status in _PASSING:
        return Fault.PASSING
    if status not in _BAD_REQUEST:
        return Fault.OURS
    return Fault.MAILBOX if replies.names_recipient(_answer(error)) else Fault.OURS


def _answer(error: AnymailError) -> str:
    return getattr(error.response, "text", "") or ""


def _is_readable(address: str) -> bool:
    try:
        parse_single_address(address)
    except AnymailInvalidAddress:
        return False
    return True


def _reply(error: smtplib.SMTPRecipientsRefused | smtplib.SMTPResponseException) -> tuple[int, str]:
    """The code and the words, which smtplib keeps as bytes; lines are joined by a line break."""
    code: int
    words: bytes | str
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, words = max(error.recipients.values())
    else:
        code, words = error.smtp_code, error.smtp_error
    return code, words.decode(errors="replace") if isinstance(words, bytes) else str(words)


def _describe(error: Exception) -> str:
    """Kind and numbers only: a server's own words often repeat the address."""
    name = type(error).__name__
    match error:
        case smtplib.SMTPRecipientsRefused() | smtplib.SMTPResponseException():
            code, words = _reply(error)
            return f"{name} {code} {replies.enhanced_code(words)}".rstrip()
        case AnymailAPIError() if _status(error):
            return f"{name} {_status(error)}"
        case _:
            return name


def _status(error: Exception) -> int | None:
    """The provider's HTTP status; None where it did not answer, or speaks no HTTP of its own (SES)."""
    return getattr(error, "status_code", None)
