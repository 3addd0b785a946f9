"""Email, by Django's API: SMTP, or any of django-anymail's providers by a setting.

Timeouts are Django's ``EMAIL_TIMEOUT`` (anymail: ``ANYMAIL_REQUESTS_TIMEOUT``). Errors are raised from None:
the originals hold full addresses, and a traceback would put them into the log.
"""

import smtplib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus

from anymail.exceptions import AnymailAPIError, AnymailError, AnymailRecipientsRefused
from django.core.mail import BadHeaderError, EmailMultiAlternatives

from canvas_channels import metrics
from channels_api.addresses import InvalidAddress, mailbox, mask
from notifications.gateways import TransportError, mailers

_SMTP_PERMANENT = 500  # RFC 5321, section 4.2.1: 5yz is a permanent negative reply
_MENDABLE = {
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.PAYMENT_REQUIRED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_MANY_REQUESTS,
}


@dataclass(frozen=True, slots=True)
class Email:
    subject: str
    text: str
    html: str


@metrics.delivery("email")
def send(address: str, render: Callable[[], Email]) -> None:
    """Deliver to one address what ``render`` makes. Raises :class:`TransportError`.

    It goes to the address's :func:`mailbox`: Django would turn its domain into another. The message is made
    once there is a mail server to take it: an outage costs no more than a failed connection.
    """
    try:
        to = mailbox(address)
    except InvalidAddress as error:
        raise TransportError(f"{mask(address)}: {error}", permanent=True) from None
    with _errors_named(address):
        mailer = mailers.mailer()
    email = render()
    message = EmailMultiAlternatives(email.subject, email.text, to=[to], connection=mailer)
    message.attach_alternative(email.html, "text/html")
    with _errors_named(address):
        message.send()


@contextmanager
def _errors_named(address: str) -> Iterator[None]:
    try:
        yield
    except (OSError, AnymailError, BadHeaderError, UnicodeError) as error:  # SMTPException is an OSError
        mailers.forget()
        raise TransportError(f"{mask(address)}: {_describe(error)}", permanent=_is_permanent(error)) from None


def _is_permanent(error: Exception) -> bool:
    """Whether this message can never be taken. What an operator can mend (a password, a quota) can."""
    match error:
        case smtplib.SMTPRecipientsRefused():
            return _refusal_code(error) >= _SMTP_PERMANENT
        case smtplib.SMTPDataError():
            return error.smtp_code >= _SMTP_PERMANENT
        case AnymailRecipientsRefused():
            return True
        case AnymailAPIError():
            status = _status(error) or HTTPStatus.INTERNAL_SERVER_ERROR
            return status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in _MENDABLE
        case smtplib.SMTPNotSupportedError() | AnymailError() | BadHeaderError() | UnicodeError():
            return True
        case _:
            return False


def _describe(error: Exception) -> str:
    """Kind and number only: a server's own words often repeat the address."""
    name = type(error).__name__
    match error:
        case smtplib.SMTPRecipientsRefused():
            return f"{name} {_refusal_code(error)}"
        case smtplib.SMTPResponseException():
            return f"{name} {error.smtp_code}"
        case AnymailAPIError() if _status(error):
            return f"{name} {_status(error)}"
        case _:
            return name


def _status(error: Exception) -> int | None:
    """The provider's HTTP status; None where it did not answer, or speaks no HTTP of its own (SES)."""
    return getattr(error, "status_code", None)


def _refusal_code(error: smtplib.SMTPRecipientsRefused) -> int:
    return max(code for code, _words in error.recipients.values())
