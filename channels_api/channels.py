"""The rules of a user's channels: create, find, retire. They know nothing of HTTP.

Every function here that writes runs in the caller's transaction, which holds the user's row lock
(``find_subject(..., lock=True)``): so parallel creates get positions 1..n without gaps or doubles.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from django.db import IntegrityError
from django.db.models import Count, Max, Q, QuerySet, Subquery
from django.db.models.functions import JSONObject
from django.utils import timezone

from canvas_channels.identity.callers import Subject
from canvas_channels.identity.models import Account, User
from canvas_channels.statements import Row, Statement, insert
from channels_api import audit, confirmations, devices, limits, ordering, outbox, pending
from channels_api.addresses import (
    PUSH_ADDRESS,
    InvalidAddress,
    clean_email,
    clean_phone_number,
    compared,
    trim,
)
from channels_api.audit import Action
from channels_api.errors import InvalidValue, NoSuchChannel, NotPermitted, RefusedValue, duplicate
from channels_api.models import LIVE, CommunicationChannel
from channels_api.representation import columns

MAX_CHANNELS = 100
SAMPLE_TIME = datetime(2000, 1, 1, tzinfo=UTC)

Type = CommunicationChannel.Type
State = CommunicationChannel.WorkflowState


NO_CHANNELS = {
    "live": 0,
    "recently_retired": 0,
    "highest_position": 0,
    "same_live": None,
    "same_retired": None,
}


@dataclass(frozen=True, slots=True)
class Standing:
    """What a user's channels and messages are, as far as a new channel depends on it: one statement."""

    live: int
    recently_retired: int
    highest_position: int
    same_live: int | None
    same_retired: int | None
    messages: Mapping[str, Any]  # what limits.may_send judges


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
) -> CommunicationChannel:
    """Add an email or SMS channel, or bring back a retired one with the same address.

    Raises :class:`ChannelError`; ``MessageLimitReached`` where a limit on messages forbids the
    confirmation. ``skip_confirmation`` is honoured for admins and ignored silently for others.
    ``institutional`` None: as the institution imported it. Raises :class:`NotPermitted` where anybody but
    an admin says that it is.
    """
    if institutional and not subject.administered():
        raise NotPermitted
    user = subject.user
    address = clean(type_, address, user.home_account)
    confirmed = skip_confirmation and subject.administered()
    found = standing(user, type_ or "", address, asks=not confirmed)
    check_duplicates(found)
    check_limits(found, user.home_account)
    state = State.ACTIVE if confirmed else State.UNCONFIRMED
    channel = _write(subject, found, type_ or "", address, state)
    if confirmed:
        register(user)
    if institutional is not None and subject.administered():
        set_institutional(subject, channel, institutional)
    ordering.settle(channel, user.home_account)
    return channel


def create_push(subject: Subject) -> CommunicationChannel:
    """The user's one push channel, active at once; made or brought back where there is none."""
    live = CommunicationChannel.objects.filter(LIVE, user=subject.user, type=Type.PUSH).first()
    if live:
        return live
    found = standing(subject.user, Type.PUSH, PUSH_ADDRESS)
    check_limits(found, subject.user.home_account)
    channel = _write(subject, found, Type.PUSH, PUSH_ADDRESS, State.ACTIVE)
    ordering.settle(channel, subject.user.home_account)
    return channel


def live_rows(user_id: int, fields: tuple[str, ...]) -> list[Row]:
    """The user's live channels in order, as rows of ``fields``: at most 100, in one statement."""
    return _live(fields).fetch(user_id=user_id)


@cache
def _live(fields: tuple[str, ...]) -> Statement[Row]:
    def of_user(user_id: int) -> QuerySet[CommunicationChannel, Row]:
        channels = CommunicationChannel.objects.filter(LIVE, user_id=user_id)
        return channels.order_by("position", "id").values_list(*columns(fields))

    return Statement(of_user, user_id=-1)


def find(
    user: User, *, channel_id: int | None = None, type_: str = "", address: str = ""
) -> CommunicationChannel:
    """A live channel by its id, or by type and address (any case). Raises :class:`NoSuchChannel`."""
    named = Q(pk=channel_id) if channel_id is not None else Q(type=type_, address_folded=compared(address))
    if "\x00" in address:
        raise NoSuchChannel
    channel = CommunicationChannel.objects.filter(LIVE, named, user=user).first()
    if channel is None:
        raise NoSuchChannel
    return channel


def retire(subject: Subject, channel: CommunicationChannel) -> None:
    """Retire a channel; the push channel's devices are unregistered with it.

    Raises :class:`NotPermitted` for an address that the institution imported, where the account's
    ``edit_institution_email`` is off.
    """
    account = subject.user.home_account
    if pending.is_kept(channel, account):
        raise NotPermitted
    withdraw(channel, account)
    if channel.type == Type.PUSH:
        devices.remove(Q(user=channel.user_id), subject.caller, because="channel_retired")
    audit.record(subject.caller, Action.RETIRE, user_id=subject.user.pk, channel_id=channel.pk)


def withdraw(channel: CommunicationChannel, account: Account) -> None:
    """The channel is retired, whoever wants that; the others close up."""
    channel.workflow_state = State.RETIRED
    channel.pending_address = None
    channel.retired_at = timezone.now()
    channel.save(update_fields=["workflow_state", "pending_address", "retired_at", "updated_at"])
    ordering.settle(channel, account)


def set_institutional(subject: Subject, channel: CommunicationChannel, institutional: bool) -> None:
    """An admin says whether the address is the institution's. Raises :class:`NotPermitted`.

    An address that the institution keeps stays institutional.
    """
    if institutional == channel.institutional:
        return
    if pending.is_kept(channel, subject.user.home_account):
        raise NotPermitted
    channel.institutional = institutional
    channel.save(update_fields=["institutional", "updated_at"])
    audit.record(
        subject.caller,
        Action.SET_INSTITUTIONAL,
        user_id=subject.user.pk,
        channel_id=channel.pk,
        institutional=institutional,
    )


def check_duplicates(standing: Standing, channel: CommunicationChannel | None = None) -> None:
    """Raises where another live channel of the user than ``channel`` has the address."""
    if standing.same_live not in {None, channel.pk if channel else None}:
        raise duplicate()


def check_limits(standing: Standing, account: Account) -> None:
    """Raises where the user may have no further channel."""
    allowed = account.max_communication_channels
    if allowed is not None and standing.live + standing.recently_retired >= allowed:
        raise RefusedValue("type", "Maximum number of communication channels reached")
    if standing.live >= MAX_CHANNELS:
        raise InvalidValue(
            "user_id", "too_many", f"A user can have at most {MAX_CHANNELS} communication channels."
        )


def clean(type_: str | None, address: str | None, account: Account) -> str:
    """The address as it is stored. Raises :class:`InvalidValue` naming what is wrong."""
    if type_ not in {Type.EMAIL, Type.SMS}:
        raise InvalidValue("type", "blank" if not type_ else "inclusion", "must be email, sms or push")
    if not address or not trim(address):
        raise InvalidValue("address", "blank", "can't be blank")
    try:
        return clean_email(address) if type_ == Type.EMAIL else clean_phone_number(address, account.region)
    except InvalidAddress as error:
        raise InvalidValue("address", "invalid", str(error)) from error


def standing(user: User, type_: str, address: str, *, asks: bool = False) -> Standing:
    """How the user stands, as far as a channel with that address depends on it.

    ``asks``: a confirmation may be asked for, so that nobody else may count at the same time.
    """
    if asks:
        limits.hold(type_, [compared(address)], user.home_account_id)
    read = _standing_statement(type_, limits.Limits.of(type_))
    [found] = read.fetch(user_id=user.pk, address_folded=compared(address), **limits.since(timezone.now()))
    return Standing(**(found["channels"] or NO_CHANNELS), messages=found)


@cache
def _standing_statement(type_: str, allowed: limits.Limits) -> Statement[dict[str, Any]]:
    def standing(user_id: int, address_folded: str, **since: datetime) -> QuerySet[User, Any]:
        same = Q(type=type_, address_folded=address_folded)
        own = CommunicationChannel.objects.filter(user=user_id).order_by().values("user")
        facts = own.annotate(
            facts=JSONObject(
                live=Count("id", filter=LIVE),
                # retired channels count for an hour against an account's own limit
                recently_retired=Count("id", filter=Q(retired_at__gt=since["an_hour_ago"]) & ~LIVE),
                highest_position=Max("position"),
                same_live=Max("id", filter=same & LIVE),
                same_retired=Max("id", filter=same & ~LIVE),
            )
        )
        messages = limits.standing_of(
            allowed, user_id=user_id, type_=type_, address_folded=address_folded, **since
        )
        return User.objects.filter(pk=user_id).values(channels=Subquery(facts.values("facts")), **messages)

    return Statement(standing, user_id=-1, address_folded="an address", **limits.since(SAMPLE_TIME))


def _write(
    subject: Subject, standing: Standing, type_: str, address: str, state: str
) -> CommunicationChannel:
    """Make the channel or bring it back, ask for its confirmation where it needs one, and record it."""
    user, caller = subject.user, subject.caller
    last = standing.highest_position + 1
    confirmed = state == State.ACTIVE
    if standing.same_retired is not None:
        with duplicates_named():
            channel = _bring_back(standing.same_retired, user, address, state, last)
        if not confirmed:
            confirmations.request_confirmation(channel, standing.messages)
        audit.record(caller, Action.REVIVE, user_id=user.pk, channel_id=channel.pk, confirmed=confirmed)
        return channel
    channel = CommunicationChannel(
        user=user,
        type=type_,
        address=address,
        position=last,
        workflow_state=state,
        institutional=pending.is_imported(type_, address, subject.imported_emails),
    )
    channel.fold_address()
    confirmation = None if confirmed else confirmations.prepare(channel, standing.messages)
    entry = audit.prepare(caller, Action.CREATE, channel, confirmed=confirmed)
    with duplicates_named():
        insert(channel, *([confirmation] if confirmation else []), entry)
    if confirmation:
        outbox.send_confirmation(confirmation.pk)
    return channel


def _bring_back(channel_id: int, user: User, address: str, state: str, last: int) -> CommunicationChannel:
    """Revive a retired channel: same id, its old position where that is free, else last."""
    channel = CommunicationChannel.objects.get(pk=channel_id)
    taken = CommunicationChannel.objects.filter(user=user, position=channel.position).exclude(pk=channel_id)
    if taken.filter(LIVE).exists():
        channel.position = last
    channel.address = address
    channel.workflow_state = state
    channel.bounce_count = 0
    channel.bounce_count_reset_at = timezone.now()
    channel.retired_at = None
    channel.save()
    return channel


def register(user: User) -> None:
    """A pre-registered user becomes registered once an admin vouches for a channel."""
    if user.workflow_state == User.WorkflowState.PRE_REGISTERED:
        user.workflow_state = User.WorkflowState.REGISTERED
        user.save(update_fields=["workflow_state"])


@contextmanager
def duplicates_named() -> Iterator[None]:
    """The constraint's name mapped to the client's error, should a writer outside the lock win."""
    try:
        yield
    except IntegrityError as error:
        if "one_live_channel_per_address" in str(error):
            raise duplicate() from error
        raise
