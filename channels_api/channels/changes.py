"""Changing a channel that there is: its address, its position, whether it is the institution's.

Canvas has no such call; its users have asked for one for years. Knows nothing of HTTP. Everything here
runs in the caller's transaction, which holds the user's row lock.
"""

from dataclasses import dataclass

from canvas_channels.core.identity.callers import Subject
from canvas_channels.core.statements import update
from canvas_channels.core.trimming import trim
from channels_api import audit
from channels_api.addresses import PUSH_ADDRESS, compared
from channels_api.audit import Action
from channels_api.channels import ordering, registry, replacement
from channels_api.errors import InvalidValue, NotPermitted, Reason
from channels_api.messages import confirmations, security_notices
from channels_api.messages.channel_counts import channel_counts
from channels_api.models import CommunicationChannel

Type = CommunicationChannel.Type
State = CommunicationChannel.WorkflowState

_MAX_DIGITS = 18  # what has more needs no reading: the last position is meant


@dataclass(frozen=True, slots=True)
class Changes:
    """What is asked for, as it came. None: not asked for."""

    type_: str | None = None
    address: str | None = None
    position: str | None = None
    institutional: bool | None = None
    skip_confirmation: bool = False


def change(subject: Subject, channel: CommunicationChannel, wanted: Changes) -> None:
    """Change a live channel of the user, wholly or not at all.

    Raises :class:`NotPermitted` for an address that the institution keeps, and where anybody but an admin
    says what is institutional; :class:`InvalidValue`; ``MessageLimitReached`` and ``CountryNotAllowed`` as
    a create does. ``skip_confirmation`` is honoured for admins and ignored silently for others.
    """
    channel.user = subject.user  # whose home account is at hand
    _check_rights(subject, channel, wanted)
    if wanted.type_ not in {None, channel.type}:
        raise InvalidValue("type", Reason.IMMUTABLE, "can't be changed")
    if wanted.address is None and wanted.position is None and wanted.institutional is None:
        raise InvalidValue(
            "communication_channel", Reason.BLANK, "needs an address, a position or institutional"
        )
    position = None if wanted.position is None else _position(wanted.position)
    if wanted.address is not None:
        _change_address(subject, channel, wanted.address, skip_confirmation=wanted.skip_confirmation)
    if wanted.institutional is not None and subject.administered():
        # anybody else says what the channel had before its address changed
        registry.set_institutional(subject, channel, wanted.institutional)
    if position is not None:
        _move(subject, channel, position)


def _check_rights(subject: Subject, channel: CommunicationChannel, wanted: Changes) -> None:
    """Sending what the channel has already asks for nothing, so that a whole object can be sent back."""
    readdressed = wanted.address is not None and trim(wanted.address) != channel.address
    if readdressed and replacement.is_kept(channel, subject.user.home_account):
        raise NotPermitted
    if wanted.institutional is not None:
        registry.check_institutional(subject, channel, wanted.institutional)


def _change_address(
    subject: Subject, channel: CommunicationChannel, address: str, *, skip_confirmation: bool
) -> None:
    if channel.type == Type.PUSH:
        if address != PUSH_ADDRESS:
            raise InvalidValue("address", Reason.IMMUTABLE, "can't be changed: it stands for all devices")
        return
    vouched, address = skip_confirmation and subject.administered(), trim(address)
    if vouched or address != channel.address:  # the one that it has may be older than a rule
        address = registry.clean(channel.type, address, subject.user.home_account)
    before = (channel.address, channel.pending_address, channel.workflow_state)
    if vouched:
        _vouch(subject, channel, address)
    elif compared(address) == compared(channel.address):
        _keep(subject, channel, address)
    elif channel.workflow_state == State.UNCONFIRMED:
        _replace_unconfirmed(subject, channel, address)
    else:
        _wait_for(subject, channel, address)
    if (channel.address, channel.pending_address, channel.workflow_state) != before:
        _record_address(subject, channel, before)


def _vouch(subject: Subject, channel: CommunicationChannel, address: str) -> None:
    """An admin says that the address is the user's: it is active, and no message goes out."""
    channel_counts(subject.user, channel.type, address).check_duplicates(channel)
    confirmations.void(channel)
    if channel.workflow_state != State.ACTIVE or compared(address) != compared(channel.address):
        security_notices.notify_new_address(channel, address)
    replacement.replace(
        channel, address, subject.imported_emails, State.ACTIVE, with_scopes=subject.with_scopes
    )
    registry.register(subject.user)


def _keep(subject: Subject, channel: CommunicationChannel, address: str) -> None:
    """The address that it has, perhaps spelled otherwise: one that was to replace it is forgotten."""
    if channel.pending_address is not None:
        confirmations.void(channel)
    elif address == channel.address:
        return
    replacement.replace(channel, address, subject.imported_emails, channel.workflow_state)


def _replace_unconfirmed(subject: Subject, channel: CommunicationChannel, address: str) -> None:
    counts = channel_counts(subject.user, channel.type, address, asks=True)
    counts.check_duplicates(channel)
    confirmations.void(channel)
    replacement.replace(
        channel, address, subject.imported_emails, State.UNCONFIRMED, with_scopes=subject.with_scopes
    )
    confirmations.request_confirmation(channel, counts.limits, new=True)


def _wait_for(subject: Subject, channel: CommunicationChannel, address: str) -> None:
    """Keep address and state until the new address is proved; the same one again sends nothing."""
    waits = channel.pending_address
    again = waits is not None and compared(address) == compared(waits)
    channel.pending_address = address
    if not again:
        counts = channel_counts(subject.user, channel.type, address, asks=True)
        counts.check_duplicates(channel)
        confirmations.void(channel)
        confirmations.request_confirmation(channel, counts.limits, new=True)
        channel.pending_added_with_scopes = subject.with_scopes
    update(channel, ["pending_address", "pending_added_with_scopes", "updated_at"])


def _record_address(
    subject: Subject, channel: CommunicationChannel, before: tuple[str, str | None, str]
) -> None:
    address, waiting, state = before
    if channel.address != address or channel.workflow_state != state:
        action = Action.CHANGE_ADDRESS
    else:
        waits = channel.pending_address is not None
        action = Action.REQUEST_ADDRESS_CHANGE if waits else Action.CANCEL_ADDRESS_CHANGE
    audit.record(
        subject.caller,
        action,
        user_id=channel.user_id,
        channel_id=channel.pk,
        confirmed=channel.workflow_state == State.ACTIVE and channel.pending_address is None,
        replaced_pending=waiting is not None,
    )


def _position(text: str) -> int:
    """From 1. Raises :class:`InvalidValue` for anything but digits."""
    digits = text.lstrip("0")
    if not (digits.isascii() and digits.isdecimal()):
        raise InvalidValue("position", Reason.INVALID, "must be a whole number from 1")
    return int(digits) if len(digits) <= _MAX_DIGITS else 10**_MAX_DIGITS


def _move(subject: Subject, channel: CommunicationChannel, position: int) -> None:
    before = channel.position
    ordering.move(channel, position, subject.user.home_account)
    if channel.position != before:
        audit.record(
            subject.caller,
            Action.MOVE,
            user_id=channel.user_id,
            channel_id=channel.pk,
            from_position=before,
            position=channel.position,
        )
