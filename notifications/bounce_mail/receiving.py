"""Taking bounces from the mail server's pipe, or out of a mailbox by IMAP."""

import imaplib
import logging
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple, Self
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from notifications.bounce_mail import reading
from notifications.gateways import TransportError
from notifications.webhooks import bounces

logger = logging.getLogger(__name__)

MOST = 500  # messages a turn; what is left waits for the next
FOLDER = "INBOX"


class Mailbox(NamedTuple):
    """Where ``BOUNCE_MAILBOX_URL`` leads; ``secure``: TLS from the start."""

    host: str
    port: int
    user: str
    password: str
    folder: str
    secure: bool

    @classmethod
    def of(cls, url: str) -> Self:
        parts = urlsplit(url)
        secure = parts.scheme == "imaps"
        return cls(
            parts.hostname or "",
            parts.port or (993 if secure else 143),
            unquote(parts.username or ""),
            unquote(parts.password or ""),
            unquote(parts.path.strip("/")) or FOLDER,
            secure,
        )


@transaction.atomic
def receive(content: bytes, recipient: str = "") -> bool:
    """Apply what a message says; returns whether it was a report of a message of ours."""
    report = reading.read(content, recipient)
    if report is not None:
        bounces.record([report], timezone.now())
    return report is not None


def collect() -> int:
    """Read what is new in the mailbox; returns how many reports it held. Raises :class:`TransportError`.

    Reports are deleted once they count: one that is met twice, as its time is the same, counts once. Whatever
    else came stays, marked as read.
    """
    found = 0
    with _opened(Mailbox.of(settings.BOUNCE_MAILBOX_URL)) as connection:
        _, [unseen] = connection.uid("SEARCH", "UNSEEN")
        for uid in (unseen or b"").split()[:MOST]:
            known = receive(_fetched(connection, uid.decode()))
            connection.uid("STORE", uid.decode(), "+FLAGS", r"(\Deleted)" if known else r"(\Seen)")
            found += known
        connection.expunge()
    return found


def _fetched(connection: imaplib.IMAP4, uid: str) -> bytes:
    _, answer = connection.uid("FETCH", uid, f"(BODY.PEEK[]<0.{reading.MAX_BYTES}>)")
    return b"".join(part[1] for part in answer if isinstance(part, tuple))


@contextmanager
def _opened(mailbox: Mailbox) -> Iterator[imaplib.IMAP4]:
    """Each step waits ``EMAIL_TIMEOUT`` at most."""
    timeout = settings.EMAIL_TIMEOUT
    connection: imaplib.IMAP4 | None = None
    try:
        if mailbox.secure:
            context = ssl.create_default_context()
            connection = imaplib.IMAP4_SSL(mailbox.host, mailbox.port, ssl_context=context, timeout=timeout)
        else:
            connection = imaplib.IMAP4(mailbox.host, mailbox.port, timeout=timeout)
        connection.login(mailbox.user, mailbox.password)
        if connection.select(_quoted(mailbox.folder))[0] != "OK":
            raise TransportError(f"BOUNCE_MAILBOX_URL: there is no folder {mailbox.folder}")
        yield connection
    except (OSError, imaplib.IMAP4.error) as error:
        raise TransportError(f"BOUNCE_MAILBOX_URL: {type(error).__name__}") from None
    finally:
        if connection is not None:
            with suppress(OSError, imaplib.IMAP4.error):
                connection.logout()


def _quoted(folder: str) -> str:
    escaped = folder.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
