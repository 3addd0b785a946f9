"""Confirming a channel by the code that it was sent (docs/contract.md, section 6). Knows nothing of HTTP.

Rows are locked in one order everywhere, the user's, then the channel's, then the confirmation's, so that no
two of these functions wait for each other.
"""

from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from canvas_channels.core.identity.callers import Caller, locked
from canvas_channels.core.identity.models import User
from canvas_channels.core.trimming import trim
from channels_api import audit
from channels_api.audit import Action
from channels_api.channels import replacement
from channels_api.errors import CodeRefused, Reason, duplicate
from channels_api.messages import codes, security_notices
from channels_api.messages.confirmations import OPEN, is_for
from channels_api.models import CommunicationChannel, Confirmation, ConfirmationCode

WRONG_TRIES = 5

Type = CommunicationChannel.Type
ChannelState = CommunicationChannel.WorkflowState
State = Confirmation.WorkflowState


@dataclass(frozen=True, slots=True)
class Found:
    """What a link's code stands for. ``refused`` None: it would confirm now. No channel: unknown."""

    channel: CommunicationChannel | None
    refused: Reason | None


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


def _try_sms_code(channel: CommunicationChannel, code: str, caller: Caller | None) -> Reason | None:
    if channel.workflow_state == ChannelState.RETIRED or not channel.user.is_active:
        return Reason.RETIRED
    asked = Confirmation.objects.filter(channel=channel, channel__type=Type.SMS, workflow_state__in=OPEN)
    request = asked.select_for_update(of=("self",), no_key=True).order_by("-id").first()
    if request is None or not channel.awaits_confirmation:
        return Reason.USED
    request.channel = channel
    if not is_for(request):
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
    if not is_for(request):
        return Reason.CHANGED
    if not channel.awaits_confirmation:
        return Reason.USED
    if request.workflow_state == State.REPLACED:
        return Reason.REPLACED
    if code.expires_at <= timezone.now():
        return Reason.EXPIRED
    return _pending_refused(channel)


def _pending_refused(channel: CommunicationChannel) -> Reason | None:
    """Why the new address cannot take the old one's place, though it is proved; None: it can."""
    if channel.pending_address is None:
        return None
    if replacement.is_kept(channel, channel.user.home_account):
        return Reason.KEPT
    return Reason.TAKEN if replacement.is_taken(channel) else None


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
    security_notices.notify_new_address(channel)
    if channel.pending_address is None:
        channel.workflow_state, channel.active_since = ChannelState.ACTIVE, timezone.now()
        channel.save(update_fields=["workflow_state", "active_since", "updated_at"])
        audit.record(caller, Action.CONFIRM, user_id=channel.user_id, channel_id=channel.pk)
        return
    imported_emails = channel.user.imported_emails  # type: ignore[attr-defined]
    replacement.replace(
        channel,
        channel.pending_address,
        imported_emails,
        ChannelState.ACTIVE,
        with_scopes=channel.pending_added_with_scopes,
    )
    audit.record(
        caller, Action.CHANGE_ADDRESS, user_id=channel.user_id, channel_id=channel.pk, confirmed=True
    )
