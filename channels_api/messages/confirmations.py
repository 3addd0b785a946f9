"""Asking for a message that proves a channel (docs/contract.md, section 6). Knows nothing of HTTP.

A request writes a :class:`Confirmation`; the worker makes the code (``issue_codes``) when it sends. The codes
of one request's retries all work until one is used or a newer request replaces them.
"""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models.functions import Now
from django.utils import timezone

from canvas_channels.core.identity.callers import Caller
from canvas_channels.core.identity.models import User
from canvas_channels.core.postgresql.trips import trips
from canvas_channels.core.statements import insert
from channels_api import audit, statements
from channels_api.addresses import compared
from channels_api.audit import Action
from channels_api.messages import codes, limits
from channels_api.messages.limits import LimitsReached
from channels_api.models import CommunicationChannel, Confirmation, ConfirmationCode

KEEP_EXPIRED_CODES = timedelta(days=30)  # so that a late visitor reads "expired", not "unknown"

Type = CommunicationChannel.Type
ChannelState = CommunicationChannel.WorkflowState
State = Confirmation.WorkflowState
# A send that failed for good may have arrived all the same: its codes work.
OPEN = (State.REQUESTED, State.SENT, State.FAILED)


class Issued(NamedTuple):
    """What the worker sends. ``refusal`` is the secret of the link that says "this was not me"."""

    code: str
    refusal: str


def request_confirmation(
    channel: CommunicationChannel, reached: LimitsReached, *, new: bool = False
) -> Confirmation | None:
    """Ask for a confirmation message; older requests of the channel are replaced (a ``new`` one has none).

    Runs in the caller's transaction, which holds the user's row lock. None where nothing is sent: see
    :meth:`LimitsReached.may_send`. Raises :class:`MessageLimitReached` and :class:`CountryNotAllowed`; then
    nothing must be written.
    """
    confirmation = prepare(channel, reached)
    if confirmation is None:
        return None
    if not new:
        void(channel)
    insert(confirmation)
    Confirmation.job.ask([confirmation.pk])
    return confirmation


def prepare(channel: CommunicationChannel, reached: LimitsReached) -> Confirmation | None:
    """The row that :func:`request_confirmation` writes, for callers that insert it together with others."""
    if channel.type == Type.SMS:
        limits.check_country(channel.address_to_confirm)
    if not reached.may_send():
        return None
    return Confirmation(
        pk=reached.confirmation_id,
        channel=channel,
        user_id=channel.user_id,
        account_id=reached.account_id if channel.type == Type.SMS else None,
        address_folded=compared(channel.address_to_confirm),
    )


def void(channel: CommunicationChannel) -> None:
    """Invalidate all codes of the channel that were requested before."""
    trips().later(statements.void_confirmations(channel.pk))


def resend(channel: CommunicationChannel, caller: Caller | None = None) -> bool:
    """Request another message. False where none is due: confirmed already, bouncing, or enough for today.

    Runs and raises as :func:`request_confirmation` does.
    """
    if not channel.takes_confirmation:
        return False
    limits.hold(channel.type, [compared(channel.address_to_confirm)], channel.user.home_account_id)
    annotations = limits.limits_reached(
        limits.Limits.of(channel.type),
        user_id=channel.user_id,
        type_=channel.type,
        address_folded=compared(channel.address_to_confirm),
        **limits.since(timezone.now()),
    )
    found: Any = User.objects.values(**annotations).get(pk=channel.user_id)
    if request_confirmation(channel, LimitsReached(**found)) is None:
        return False
    audit.record(caller, Action.RESEND, user_id=channel.user_id, channel_id=channel.pk)
    return True


def limit_reached(channel: CommunicationChannel) -> bool:
    """Canvas's ``confirmation_limit_reached``: whether a resend today would send nothing."""
    return limits.channel_limit_reached(channel)


def due(confirmation_ids: Collection[int]) -> list[Confirmation]:
    """Those of the requests that the worker is to send a code for; two statements.

    Not one that was sent, used, replaced or given up, or whose channel is confirmed or retired, or waits for
    another address; nor one whose address bounced since it was asked for, which fails the request.
    """
    waiting = Confirmation.objects.waiting().filter(pk__in=confirmation_ids)
    to = {
        confirmation: (confirmation.channel.type, confirmation.address_folded)
        for confirmation in waiting.select_related("channel", "user__home_account")
        if confirmation.channel.awaits_confirmation and is_for(confirmation)
    }
    bounced = limits.bounced_of(to.values())
    for confirmation in to:
        if to[confirmation] in bounced:
            Confirmation.objects.mark_failed(confirmation.pk, "messages to this address come back")
    return [confirmation for confirmation in to if to[confirmation] not in bounced]


def issue_codes(requests: Sequence[Confirmation]) -> dict[int, Issued]:
    """A code for each, by its id, for the worker to send; one statement.

    They expire by the database's clock.
    """
    made = {request.pk: _new_code(request) for request in requests}
    ConfirmationCode.objects.bulk_create([code for code, _ in made.values()])
    return {pk: issued for pk, (_, issued) in made.items()}


def _new_code(confirmation: Confirmation) -> tuple[ConfirmationCode, Issued]:
    if confirmation.channel.type == CommunicationChannel.Type.SMS:
        code = codes.new_sms_code()
        digest = codes.sms_digest(confirmation.pk, code)
        valid_for = timedelta(minutes=settings.CONFIRMATION_SMS_MINUTES)
    else:
        code = codes.new_email_code()
        digest = codes.email_digest(code)
        valid_for = timedelta(days=settings.CONFIRMATION_EMAIL_DAYS)
    refusal = codes.new_refusal()
    row = ConfirmationCode(
        confirmation=confirmation,
        digest=digest,
        refusal_digest=codes.refusal_digest(refusal),
        expires_at=Now() + valid_for,
    )
    return row, Issued(code, refusal)


def prune_codes() -> int:
    """Delete codes that expired long ago; returns how many."""
    old = ConfirmationCode.objects.filter(expires_at__lt=timezone.now() - KEEP_EXPIRED_CODES)
    return old.delete()[0]


def is_for(request: Confirmation) -> bool:
    """Whether the request was for what now waits: a code proves the one address that it was sent to."""
    return request.address_folded == compared(request.channel.address_to_confirm)
