"""Whom a message went to, by the return path that it came back to."""

from collections.abc import Mapping

from django.db.models import Model

from channels_api.models import CommunicationChannel, Confirmation, SecurityNotice
from notifications.gateways import envelopes
from notifications.messages.models import Message

# By the letters of senders: what a row was sent to. A password reset has no row of its own for an address.
_ADDRESSES: Mapping[str, tuple[type[Model], str]] = {
    "c": (Confirmation, "address_folded"),
    "h": (CommunicationChannel, "address"),
    "m": (Message, "address"),
    "n": (SecurityNotice, "address"),
}


def address_behind(return_path: str) -> str | None:
    """None where it is forged, or the row is gone."""
    row = envelopes.row_of(return_path)
    if row is None or row[0] not in _ADDRESSES:
        return None
    model, column = _ADDRESSES[row[0]]
    found = model._default_manager.filter(pk=int(row[1:])).values_list(column, flat=True)
    address: str | None = found.first()
    return address
