"""Where bounces of a message go back to: an address that names the message, signed (VERP).

``bounce-<kind><id>-<signature>@BOUNCE_DOMAIN``. Mail servers may change its case, so that it has only lower
case letters and digits. Whoever was not written to cannot make one.
"""

import base64
import re
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

from channels_api.models import CommunicationChannel, Confirmation, SecurityNotice
from notifications.messages.models import Message

_SALT = "notifications.bounce_mail"
_FORM = re.compile(r"bounce-([a-z])([0-9]{1,18})-([a-z2-7]{16})")

CONFIRMATION = "c"
SECURITY_NOTICE = "n"
MESSAGE = "m"
CHANNEL = "h"  # what is sent to a channel's own address, and has no row of its own

# Where the message of a row went.
_SENT_TO: dict[str, Callable[[int], str | None]] = {
    CONFIRMATION: lambda pk: _one(Confirmation, pk, "address_folded"),
    SECURITY_NOTICE: lambda pk: _one(SecurityNotice, pk, "address"),
    MESSAGE: lambda pk: _one(Message, pk, "address"),
    CHANNEL: lambda pk: _one(CommunicationChannel, pk, "address"),
}


def make(kind: str, row_id: int) -> str:
    """The return path of a row's message; "" without a ``BOUNCE_DOMAIN``."""
    if not settings.BOUNCE_DOMAIN:
        return ""
    about = f"{kind}{row_id}"
    return f"bounce-{about}-{_signature(about, settings.SECRET_KEY)}@{settings.BOUNCE_DOMAIN}"


def address_behind(return_path: str) -> str | None:
    """The address that the message went to; None where it is forged, or its row is gone."""
    local, _, domain = return_path.strip().lower().rpartition("@")
    found = _FORM.fullmatch(local)
    if found is None or domain != settings.BOUNCE_DOMAIN:
        return None
    kind, row_id, signature = found.groups()
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    good = [key for key in keys if constant_time_compare(signature, _signature(f"{kind}{row_id}", key))]
    return _SENT_TO[kind](int(row_id)) if good and kind in _SENT_TO else None


def _signature(about: str, key: str) -> str:
    digest = salted_hmac(_SALT, about, secret=key, algorithm="sha256").digest()
    return base64.b32encode(digest[:10]).decode().lower()


def _one(model: Any, pk: int, column: str) -> str | None:
    address: str | None = model.objects.filter(pk=pk).values_list(column, flat=True).first()
    return address
