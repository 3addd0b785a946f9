"""What a message in the bounce mailbox says: a delivery report (RFC 3464), or a complaint (ARF, RFC 5965).

Reports in no standard form are known by flufl.bounce, which knows what mail servers write. Replies of people
and of their vacation programs say nothing. A bounce is permanent where the words, or a code, say that there
is no such mailbox: mail servers also give up after days of trying, or where they are refused themselves.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from email.utils import getaddresses, parsedate_to_datetime

from flufl.bounce import all_failures

from notifications.bounce_mail.recipients import address_behind
from notifications.gateways import envelopes
from notifications.gateways.replies import Stage
from notifications.webhooks.tracking import Kind, Report, kind_told

MAX_BYTES = 256 * 1024  # of a message: what it is about stands at its beginning

_TO = ("Delivered-To", "X-Original-To", "Envelope-To", "To")  # where mail servers keep the recipient
_FAILED, _DELAYED = "failed", "delayed"
# What came back follows here.
_RETURNED = re.compile(
    r"^([ \t]*-.*\b(copy|original|returned|below|message( text)? follows)\b|return-path:|received:)",
    re.IGNORECASE | re.MULTILINE,
)
_MOST_WORDS = 8 * 1024  # characters of a notice


def read(content: bytes, recipient: str = "") -> Report | None:
    """What a message says of an address that was written to; None: nothing, or it is forged.

    ``recipient``: the envelope's, where the mail server tells it.
    """
    message = message_from_bytes(content[:MAX_BYTES], policy=policy.default)
    paths = ((path, address_behind(path)) for path in _return_paths(message, recipient))
    path, address = next((found for found in paths if found[1]), ("", None))
    if address is None:
        return None
    found = _complaint(message) or _delivery_report(message) or _in_another_form(message)
    if found is None:
        return None
    kind, summary = found
    return Report(kind, address, _date(message), summary, envelopes.message_id(envelopes.row_of(path) or ""))


def _return_paths(message: EmailMessage, recipient: str) -> Iterator[str]:
    """The recipient; of a complaint, the sender of the message that it is about."""
    yield recipient
    for name in _TO:
        yield from (address for _, address in getaddresses([str(v) for v in message.get_all(name, [])]))
    for part in message.walk():
        if part.get_content_type() == "message/feedback-report":
            for fields in _fields(part):
                yield str(fields.get("Original-Mail-From", "")).strip("<> ")
        yield str(part.get("Return-Path", "")).strip("<> ")


def _complaint(message: EmailMessage) -> tuple[Kind, str] | None:
    for part in message.walk():
        if part.get_content_type() == "message/feedback-report":
            for fields in _fields(part):
                told = str(fields.get("Feedback-Type", "abuse")).strip().lower()
                return None if told == "not-spam" else (Kind.COMPLAINT, f"complaint: {told}")
    return None


def _delivery_report(message: EmailMessage) -> tuple[Kind, str] | None:
    """Of one recipient, since each message of ours has one."""
    for part in message.walk():
        if part.get_content_type() != "message/delivery-status":
            continue
        for fields in _fields(part):
            action = str(fields.get("Action", "")).strip().lower()
            told = " ".join(str(fields.get("Diagnostic-Code", "")).split()).removeprefix("smtp;").strip()
            status = str(fields.get("Status", "")).split()
            summary = told or " ".join(status)
            if action == _FAILED:
                reply = " ".join([told or _notice(message), *status[:1]])
                return kind_told(reply, Stage.MESSAGE), summary
            if action == _DELAYED:
                return Kind.TRANSIENT, summary
        return None  # delivered, relayed or expanded
    return None


def _in_another_form(message: EmailMessage) -> tuple[Kind, str] | None:
    if message.get_content_type() == "multipart/report" or message.get("Auto-Submitted") == "auto-replied":
        return None
    passing, permanent = all_failures(message)
    if not passing and not permanent:
        return None
    kind = kind_told(_notice(message), Stage.MESSAGE) if permanent else Kind.TRANSIENT
    return kind, str(message.get("Subject", ""))


def _notice(message: EmailMessage) -> str:
    """What is written for people, without the message that came back."""
    body = message.get_body(("plain", "html"))
    try:
        words = str(body.get_content()) if body else ""
    except LookupError:  # an unknown charset
        return ""
    return _RETURNED.split(words[:_MOST_WORDS], maxsplit=1)[0]


def _fields(part: Message) -> Iterator[Message]:
    """The blocks of fields of a report."""
    payload = part.get_payload()
    if isinstance(payload, list):
        yield from (block for block in payload if isinstance(block, Message))


def _date(message: EmailMessage) -> datetime | None:
    try:
        date = parsedate_to_datetime(str(message["Date"]))
    except ValueError:
        return None
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date
