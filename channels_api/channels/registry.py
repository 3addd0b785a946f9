"""The rules of a user's channels: create, find, retire. They know nothing of HTTP.

Every function here that writes runs in the caller's transaction, which holds the user's row lock
(``find_subject(..., lock=True)``): so parallel creates get positions 1..n without gaps or doubles.
"""

from django.db.models import Q
from django.utils import timezone

from canvas_channels.core.identity.callers import Caller, Subject
from canvas_channels.core.identity.models import Account, User
from canvas_channels.core.postgresql.trips import trips
from canvas_channels.core.statements import from_row, insert, update
from canvas_channels.core.trimming import trim
from channels_api import audit, statements
from channels_api.addresses import PUSH_ADDRESS, clean_email, clean_phone_number
from channels_api.audit import Action
from channels_api.channels import bounces, ordering, replacement
from channels_api.devices import registration
from channels_api.errors import OF_CONSTRAINTS, InvalidValue, NoSuchChannel, NotPermitted, Reason
from channels_api.messages import confirmations, security_notices
from channels_api.messages.channel_counts import ChannelCounts, channel_counts
from channels_api.models import CommunicationChannel, Confirmation

Type = CommunicationChannel.Type
State = CommunicationChannel.WorkflowState

_ALL = [field.name for field in CommunicationChannel._meta.concrete_fields if not field.primary_key]


def may_edit(subject: Subject) -> bool:
    """Users edit their own channels unless their account says no; admins may always."""
    return (
        subject.is_self and subject.user.home_account.users_can_edit_comm_channels
    ) or subject.administered()


def create(
    subject: Subject,
    *,
    type_: str | None,
    address: str | None,
    skip_confirmation: bool,
    institutional: bool | None = None,
    made_with_user: bool = False,
) -> CommunicationChannel:
    """Add an email or SMS channel, or bring back a retired one with the same address.

    Raises :class:`ChannelError`; ``MessageLimitReached`` where a limit on messages forbids the
    confirmation. ``skip_confirmation`` is honoured for admins and ignored silently for others.
    ``made_with_user``: or imported, so that password resets may go to it at once.
    ``institutional`` None: as the institution imported it. Raises :class:`NotPermitted` where anybody but
    an admin says that it is.
    """
    if institutional and not subject.administered():
        raise NotPermitted
    user = subject.user
    address = clean(type_, address, user.home_account)
    confirmed = skip_confirmation and subject.administered()
    counts = channel_counts(user, type_ or "", address, asks=not confirmed)
    counts.check_duplicates()
    counts.check_room(user.home_account)
    state = State.ACTIVE if confirmed else State.UNCONFIRMED
    channel = _write(subject, counts, type_ or "", address, state, made_with_user=made_with_user)
    if confirmed:
        register(user)
        channel.user = user  # whose home account is at hand
        security_notices.notify_new_address(channel)
    if institutional is not None and subject.administered():
        set_institutional(subject, channel, institutional)
    ordering.settle(channel, user.home_account)
    return channel


def create_push(subject: Subject) -> CommunicationChannel:
    """The user's one push channel, active at once; made or brought back where there is none."""
    live = trips().ask(statements.live_channel(subject.user.pk, type_=Type.PUSH, address=PUSH_ADDRESS))
    if live:
        return from_row(CommunicationChannel, live[0])
    counts = channel_counts(subject.user, Type.PUSH, PUSH_ADDRESS)
    counts.check_room(subject.user.home_account)
    channel = _write(subject, counts, Type.PUSH, PUSH_ADDRESS, State.ACTIVE)
    ordering.settle(channel, subject.user.home_account)
    return channel


def register_device(subject: Subject, token: str | None) -> CommunicationChannel:
    """Register a device under the caller's key; returns the user's push channel, made where there is none.

    Raises :class:`NotPermitted`, :class:`RefusedValue` for a key without SNS, and :class:`InvalidValue`.
    """
    key = registration.usable_key(subject)
    token = registration.check_token(token, key)
    device = registration.find(key, token)
    channel = create_push(subject)
    registration.register(subject, token, device)
    return channel


def find(
    user: User, *, channel_id: int | None = None, type_: str = "", address: str = ""
) -> CommunicationChannel:
    """A live channel by its id, or by type and address (any case). Raises :class:`NoSuchChannel`."""
    if "\x00" in address:
        raise NoSuchChannel
    found = trips().ask(statements.live_channel(user.pk, channel_id, type_, address))
    if not found:
        raise NoSuchChannel
    channel = from_row(CommunicationChannel, found[0])
    channel.user = user  # which is at hand, and need not be read again
    return channel


def retire(subject: Subject, channel: CommunicationChannel) -> None:
    """Retire a channel; the push channel's devices are unregistered with it.

    Raises :class:`NotPermitted` for an address that the institution imported, where the account's
    ``edit_institution_email`` is off.
    """
    account = subject.user.home_account
    if replacement.is_kept(channel, account):
        raise NotPermitted
    withdraw(channel, account)
    if channel.type == Type.PUSH:
        registration.remove(Q(user=channel.user_id), subject.caller, reason="channel_retired")
    audit.record(subject.caller, Action.RETIRE, user_id=subject.user.pk, channel_id=channel.pk)


def withdraw(channel: CommunicationChannel, account: Account) -> None:
    """Retire the channel, without asking whether the caller may."""
    channel.workflow_state = State.RETIRED
    channel.pending_address = None
    channel.retired_at = timezone.now()
    update(channel, ["workflow_state", "pending_address", "retired_at", "updated_at"])
    ordering.settle(channel, account)


def check_institutional(subject: Subject, channel: CommunicationChannel, institutional: bool) -> None:
    """Raises where the caller may not say whether the address is the institution's.

    :class:`NotPermitted` for anybody but an admin, and where the account keeps institutional addresses
    (``edit_institution_email`` off); :class:`InvalidValue` for the push channel. What the channel has already
    may always be said, so that a whole object can be sent back.
    """
    if institutional == channel.institutional:
        return
    if not subject.administered() or replacement.is_kept(channel, subject.user.home_account):
        raise NotPermitted
    if institutional and channel.type == Type.PUSH:
        raise InvalidValue(
            "institutional", Reason.INVALID, "is about an address, and this is for all devices"
        )


def set_institutional(subject: Subject, channel: CommunicationChannel, institutional: bool) -> None:
    """Say whether the address is the institution's. Raises as :func:`check_institutional`."""
    check_institutional(subject, channel, institutional)
    if institutional != channel.institutional:
        mark_institutional(subject.caller, channel, institutional=institutional)
        ordering.settle(channel, subject.user.home_account)


def mark_institutional(caller: Caller | None, channel: CommunicationChannel, *, institutional: bool) -> None:
    """Write what :func:`set_institutional` has checked, or what the institution says itself."""
    channel.institutional = institutional
    update(channel, ["institutional", "updated_at"])
    audit.record(
        caller,
        Action.SET_INSTITUTIONAL,
        user_id=channel.user_id,
        channel_id=channel.pk,
        institutional=institutional,
    )


def clean(type_: str | None, address: str | None, account: Account) -> str:
    """The address as it is stored. Raises :class:`InvalidValue` naming what is wrong."""
    if type_ not in {Type.EMAIL, Type.SMS}:
        raise InvalidValue(
            "type", Reason.BLANK if not type_ else Reason.INCLUSION, "must be email, sms or push"
        )
    if not address or not trim(address):
        raise InvalidValue("address", Reason.BLANK, "can't be blank")
    return clean_email(address) if type_ == Type.EMAIL else clean_phone_number(address, account.region)


def place(user: User, counts: ChannelCounts, type_: str, address: str) -> CommunicationChannel:
    """A channel to be saved: a retired one with that address, else a new one. Without bounces.

    A retired one keeps its id, and its position where that is free; all others come last.
    """
    last = counts.highest_position + 1
    if counts.same_retired is None:
        return CommunicationChannel(user=user, type=type_, address=address, position=last)
    channel = CommunicationChannel.objects.get(pk=counts.same_retired)
    ordering.take_place(channel, last)
    channel.address, channel.retired_at = address, None
    bounces.forget_all(channel, timezone.now())
    return channel


def _write(
    subject: Subject,
    counts: ChannelCounts,
    type_: str,
    address: str,
    state: str,
    *,
    made_with_user: bool = False,
) -> CommunicationChannel:
    """Make the channel or bring it back, ask for its confirmation where it needs one, and record it."""
    user, caller = subject.user, subject.caller
    confirmed = state == State.ACTIVE
    imported = replacement.is_imported(type_, address, subject.imported_emails)
    channel = place(user, counts, type_, address)
    channel.workflow_state = state
    channel.active_since = timezone.now() if confirmed else None
    channel.made_with_user = made_with_user
    channel.added_with_scopes = subject.with_scopes and not (imported or made_with_user)
    channel.fold_address()
    if counts.same_retired is not None:
        update(channel, _ALL, OF_CONSTRAINTS)
        if not confirmed:
            confirmations.request_confirmation(channel, counts.limits)
        audit.record(caller, Action.REVIVE, user_id=user.pk, channel_id=channel.pk, confirmed=confirmed)
        return channel
    channel.pk = counts.channel_id
    channel.institutional = imported
    confirmation = None if confirmed else confirmations.prepare(channel, counts.limits)
    entry = audit.prepare(caller, Action.CREATE, channel, confirmed=confirmed)
    insert(channel, *([confirmation] if confirmation else []), entry, named=OF_CONSTRAINTS)
    if confirmation:
        Confirmation.job.ask([confirmation.pk])
    return channel


def register(user: User) -> None:
    """A pre-registered user becomes registered once an admin vouches for a channel."""
    if user.workflow_state == User.WorkflowState.PRE_REGISTERED:
        user.workflow_state = User.WorkflowState.REGISTERED
        user.save(update_fields=["workflow_state"])
