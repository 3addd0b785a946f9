"""What tells emails of ours apart: a Message-ID, and an address of its own that bounces go back to (VERP).

Both name a row, as ``m12``: a letter for its kind, and its id. The return path is signed, so that only those
who were written to have one: ``bounce-m12-<signature>@BOUNCE_DOMAIN``. Mail servers may change its case.
"""

import base64
import re
from email.utils import parseaddr

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

_SALT = "notifications.bounce_mail"
_FORM = re.compile(r"bounce-([a-z][0-9]{1,18})-([a-z2-7]{16})")


def return_path(row: str) -> str:
    """ "" without a ``BOUNCE_DOMAIN``: then bounces go back to the sender."""
    if not settings.BOUNCE_DOMAIN:
        return ""
    return f"bounce-{row}-{_signature(row, settings.SECRET_KEY)}@{settings.BOUNCE_DOMAIN}"


def row_of(return_path: str) -> str | None:
    """The row that a return path names; None where it is forged, or no such address at all."""
    local, _, domain = return_path.strip().lower().rpartition("@")
    found = _FORM.fullmatch(local)
    if found is None or domain != settings.BOUNCE_DOMAIN:
        return None
    row, signature = found.groups()
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    good = [key for key in keys if constant_time_compare(signature, _signature(row, key))]
    return row if good else None


def sender() -> str:
    """The service's address, without a name."""
    return parseaddr(settings.DEFAULT_FROM_EMAIL)[1]


def message_id(row: str) -> str:
    """The same however often it is sent: mail servers drop the second."""
    domain = sender().rpartition("@")[2]
    return f"<{row}.{_signature(row, settings.SECRET_KEY)}@{domain}>"


def _signature(row: str, key: str) -> str:
    digest = salted_hmac(_SALT, row, secret=key, algorithm="sha256").digest()
    return base64.b32encode(digest[:10]).decode().lower()
