"""The rules of confirming a channel (docs/contract.md, section 6). They know nothing of HTTP.

A request writes a :class:`Confirmation`; the worker makes the code (``issue_code``) when it sends. The codes
of one request's retries all work until one is used or a newer request replaces them.

Rows are locked in one order everywhere, the user's, then the channel's, then the confirmation's, so that no
two of these functions wait for each other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from canvas_channels.identity.callers import Caller, locked
from canvas_channels.identity.models import User
from canvas_channels.statements import insert
from channels_api import announcements, audit, codes, limits, outbox, pending
from channels_api.addresses import compared, trim
from channels_api.audit import Action
from channels_api.errors import CodeRefused, Reason, duplicate
from channels_api.limits import CountryNotAllowed, MessageLimitReached
from channels_api.models import CommunicationChannel, Confirmation, ConfirmationCode
from channels_api.requested import REQUESTED, Issued, issue_code

__all__ = [
    "CodeRefused",
    "CountryNotAllowed",
    "Found",
    "Issued",
    "MessageLimitReached",
    "Reason",
    "confirm_email",
    "confirm_sms",
    "due",
    "issue_code",
    "limit_reached",
    "look_up",
    "mark_failed",
    "mark_sent",
    "prepare",
    "prune_codes",
    "request_confirmation",
    "resend",
    "void",
]

WRONG_TRIES = 5
KEEP_EXPIRED_CODES = timedelta(days=30)  # so that a late visitor reads "expired", not "unknown"

Type = CommunicationChannel.Type
ChannelState = CommunicationChannel.WorkflowState
State = Confirmation.WorkflowState
# A send that failed for good may have arrived all the same: its codes work.
OPEN = (State.REQUESTED, State.SENT, State.FAILED)


@dataclass(frozen=True, slots=True)
class Found:
    """What a link's code stands for. ``refused`` None: it would confirm now. No channel: unknown."""

    channel: CommunicationChannel | None
    refused: Reason | None


def request_confirmation(
    channel: CommunicationChannel, standing: Mapping[str, Any], *, new: bool = False
) -> Confirmation | None:
    """Ask for a confirmation message; older requests of the channel are replaced (a ``new`` one has none).

    Runs in the caller's transaction, which holds the user's row lock. ``standing`` holds what
    ``limits.standing_of`` asks for. None where nothing is sent: the channel had its confirmations of the
    day, or the address bounced of late or was refused by its reader. Raises :class:`MessageLimitReached`
    and :class:`CountryNotAllowed`; then nothing must be written.
    """
    confirmation = prepare(channel, standing)
    if confirmation is None:
        return None
    if not new:
        void(channel)
    insert(confirmation)
    outbox.send_confirmation(confirmation.pk)
    return confirmation


def prepare(channel: CommunicationChannel, standing: Mapping[str, Any]) -> Confirmation | None:
    """What :func:`request_confirmation` writes and asks for, for a caller who writes other rows with it."""
    if channel.type == Type.SMS:
        limits.check_country(channel.address_to_confirm)
    if not limits.may_send(standing):
        return None
    return Confirmation(
        channel=channel,
        user_id=channel.user_id,
        account_id=standing["account"] if channel.type == Type.SMS else None,
        address_folded=compared(channel.address_to_confirm),
    )


def void(channel: CommunicationChannel) -> None:
    """No code that was asked for till now works any more."""
    asked = Confirmation.objects.filter(channel=channel, workflow_state__in=OPEN)
    asked.update(workflow_state=State.REPLACED)


def resend(channel: CommunicationChannel, caller: Caller | None = None) -> bool:
    """Ask for another message. False where none is due: active already, bouncing, or enough for today.

    That the present address bounces is no reason against proving the one that is to replace it.
    Runs and raises as :func:`request_confirmation` does.
    """
    if not channel.awaits_confirmation or (channel.bounce_count > 0 and not channel.pending_address):
        return False
    limits.hold(channel.type, [compared(channel.address_to_confirm)], channel.user.home_account_id)
    asked = limits.standing_of(
        limits.Limits.of(channel.type),
        user_id=channel.user_id,
        type_=channel.type,
        address_folded=compared(channel.address_to_confirm),
        **limits.since(timezone.now()),
    )
    standing = User.objects.values(**asked).get(pk=channel.user_id)
    if request_confirmation(channel, standing) is None:
        return False
    audit.record(caller, Action.RESEND, user_id=channel.user_id, channel_id=channel.pk)
    return True


def limit_reached(channel: CommunicationChannel) -> bool:
    """Canvas's ``confirmation_limit_reached``: whether a resend today would send nothing."""
    return limits.channel_limit_reached(channel)


def due(confirmation_id: int) -> Confirmation | None:
    """The request that the worker is to send a code for. None where nothing is to be sent any more.

    That is: the request was sent, used, replaced or given up, or its channel is confirmed or retired, or
    waits for another address; or the address bounced since it was asked for, which fails the request.
    """
    waiting = REQUESTED.fetch(confirmation_id=confirmation_id)
    confirmation = waiting[0] if waiting else None
    if confirmation is None or not confirmation.channel.awaits_confirmation or not _is_for(confirmation):
        return None
    since = timezone.now() - limits.BOUNCED_FOR
    if limits.bounced(confirmation.channel.type, confirmation.address_folded, since).exists():
        mark_failed(confirmation_id, "messages to this address come back")
        return None
    return confirmation


def mark_sent(confirmation_id: int) -> None:
    """A gateway took the message. A request that was used or replaced meanwhile stays so."""
    Confirmation.objects.filter(pk=confirmation_id, workflow_state=State.REQUESTED).update(
        workflow_state=State.SENT, sent_at=timezone.now(), failure=""
    )


def mark_failed(confirmation_id: int, reason: str, *, final: bool = True) -> None:
    """Keep the reason for the operator; ``final`` False means that it will be tried again.

    The same reason again is not written again, so that an outage does not keep the disk busy.
    """
    state = State.FAILED if final else State.REQUESTED
    waiting = Confirmation.objects.filter(pk=confirmation_id, workflow_state=State.REQUESTED)
    waiting.exclude(failure=reason, workflow_state=state).update(failure=reason, workflow_state=state)


def look_up(code: str) -> Found:
    """What a link's code stands for; changes nothing."""
    sent = ConfirmationCode.objects.filter(
        digest__in=codes.email_digests(code), confirmation__channel__type=Type.EMAIL
    )
    found = sent.select_related("confirmation__channel__user__home_account").first()
    if found is None:
        return Found(None, Reason.UNKNOWN)
    channel = found.confirmation.channel
    return Found(channel, _refusal(channel, found.confirmation, found))


def confirm_email(code: str) -> CommunicationChannel:
    """Confirm the channel of a link's code, once. Raises :class:`CodeRefused`."""
    with transaction.atomic():
        known = look_up(code).channel
        user = _lock(known) if known is not None else None
        found = look_up(code)  # again: what was read before the lock may be old
        if found.channel is None or user is None or found.refused:
            raise CodeRefused(found.refused or Reason.UNKNOWN)
        found.channel.user = user
        used = ConfirmationCode.objects.filter(digest__in=codes.email_digests(code))
        _activate(found.channel, Confirmation.objects.filter(codes__in=used), None)
    return found.channel


def confirm_sms(
    channel: CommunicationChannel, code: str, caller: Caller | None = None
) -> CommunicationChannel:
    """Confirm a phone number with the code that it was sent, once. Raises :class:`CodeRefused`.

    Raises :class:`InvalidValue` where another channel got the number meanwhile. A wrong try counts even
    though this raises: so it makes its own transaction, and refuses to run inside another.
    ``caller`` is for the audit trail.
    """
    with transaction.atomic(durable=True):
        user = _lock(channel)
        channel.refresh_from_db()
        channel.user = user
        refused = _try_sms_code(channel, trim(code), caller)
    if refused is Reason.TAKEN:
        raise duplicate()
    if refused:
        raise CodeRefused(refused)
    return channel


def prune_codes() -> int:
    """Forget codes that expired long ago; returns how many."""
    old = ConfirmationCode.objects.filter(expires_at__lt=timezone.now() - KEEP_EXPIRED_CODES)
    return old.delete()[0]


def _try_sms_code(channel: CommunicationChannel, code: str, caller: Caller | None) -> Reason | None:
    if channel.workflow_state == ChannelState.RETIRED or not channel.user.is_active:
        return Reason.RETIRED
    asked = Confirmation.objects.filter(channel=channel, channel__type=Type.SMS, workflow_state__in=OPEN)
    request = asked.select_for_update(of=("self",), no_key=True).order_by("-id").first()
    if request is None or not channel.awaits_confirmation:
        return Reason.USED
    request.channel = channel
    if not _is_for(request):
        return Reason.CHANGED
    if request.wrong_tries >= WRONG_TRIES:
        return Reason.VOID
    sent = [row for row in request.codes.all() if codes.sms_matches(request.pk, code, row.digest)]
    if not sent:
        request.wrong_tries += 1
        request.save(update_fields=["wrong_tries"])
        return Reason.UNKNOWN
    if all(row.expires_at <= timezone.now() for row in sent):
        return Reason.EXPIRED
    if refused := _pending_refused(channel):
        return refused
    _activate(channel, asked.filter(pk=request.pk), caller)
    return None


def _refusal(channel: CommunicationChannel, request: Confirmation, code: ConfirmationCode) -> Reason | None:
    """Why a code that was sent does not confirm; None: it does."""
    if channel.workflow_state == ChannelState.RETIRED or request.refused_at or not channel.user.is_active:
        return Reason.RETIRED
    if request.workflow_state == State.USED:
        return Reason.USED
    if not _is_for(request):
        return Reason.CHANGED
    if not channel.awaits_confirmation:
        return Reason.USED
    if request.workflow_state == State.REPLACED:
        return Reason.REPLACED
    if code.expires_at <= timezone.now():
        return Reason.EXPIRED
    return _pending_refused(channel)


def _is_for(request: Confirmation) -> bool:
    """Whether the request was for what now waits: a code proves the one address that it was sent to."""
    return request.address_folded == compared(request.channel.address_to_confirm)


def _pending_refused(channel: CommunicationChannel) -> Reason | None:
    """Why the new address cannot take the old one's place, though it is proved; None: it can."""
    if channel.pending_address is None:
        return None
    if pending.is_kept(channel, channel.user.home_account):
        return Reason.KEPT
    return Reason.TAKEN if pending.is_taken(channel) else None


def _lock(channel: CommunicationChannel) -> Any:
    """The user, with home account and imported emails; their row is held, and then the channel's."""
    user = locked(User.objects.filter(pk=channel.user_id)).get()
    rows = CommunicationChannel.objects.select_for_update(no_key=True).filter(pk=channel.pk)
    rows.values_list("pk").first()
    return user


def _activate(channel: CommunicationChannel, request: QuerySet[Confirmation], caller: Caller | None) -> None:
    """The channel is active, at its new address where one waited.

    Nothing else changes: no bounce of the same address is forgotten, a pre-registered user stays one.
    ``channel.user`` is what :func:`_lock` answered.
    """
    request.update(workflow_state=State.USED)
    announcements.announce(channel)
    if channel.pending_address is None:
        channel.workflow_state, channel.active_since = ChannelState.ACTIVE, timezone.now()
        channel.save(update_fields=["workflow_state", "active_since", "updated_at"])
        audit.record(caller, Action.CONFIRM, user_id=channel.user_id, channel_id=channel.pk)
        return
    imported_emails = channel.user.imported_emails  # type: ignore[attr-defined]
    pending.replace(
        channel,
        channel.pending_address,
        imported_emails,
        ChannelState.ACTIVE,
        with_scopes=channel.pending_added_with_scopes,
    )
    audit.record(
        caller, Action.CHANGE_ADDRESS, user_id=channel.user_id, channel_id=channel.pk, confirmed=True
    )
