""" "This was not me": the reader of a confirmation takes the address away from the user.

Knows nothing of HTTP. Every confirmation message carries a secret for it, of which only a digest is kept. It
works once, until 30 days after the code itself has expired, and also after the channel was confirmed: the
wrong person may have done that.
"""

from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from canvas_channels.core.identity.callers import locked
from canvas_channels.core.identity.models import Account, User
from channels_api import audit
from channels_api.addresses import compared
from channels_api.audit import Action
from channels_api.channels import registry, replacement
from channels_api.errors import CodeRefused, Reason
from channels_api.messages import codes
from channels_api.messages.confirmations import KEEP_EXPIRED_CODES, OPEN
from channels_api.models import CommunicationChannel, Confirmation, ConfirmationCode


@dataclass(frozen=True, slots=True)
class Found:
    """What a link stands for. ``refused`` None: it would work now; then there is a request."""

    request: Confirmation | None
    refused: Reason | None


def look_up(secret: str) -> Found:
    """What a link's secret stands for; changes nothing."""
    sent = ConfirmationCode.objects.filter(refusal_digest__in=codes.refusal_digests(secret))
    code = sent.select_related("confirmation__channel__user__home_account").first()
    if code is None:
        return Found(None, Reason.UNKNOWN)
    request = code.confirmation
    if request.refused_at:
        return Found(request, Reason.USED)
    if code.expires_at + KEEP_EXPIRED_CODES <= timezone.now():
        return Found(request, Reason.EXPIRED)
    return Found(request, None)


def address_of(request: Confirmation) -> str:
    """The address that the confirmation went to, as the channel spells it if it still has it."""
    channel = request.channel
    shown = (channel.pending_address, channel.address)
    return next((it for it in shown if it and compared(it) == request.address_folded), request.address_folded)


def refuse(secret: str) -> CommunicationChannel:
    """Take the address away, once: from its channel, which is retired, or from one that waits for it.

    No code for it works any more, and it gets no confirmation of this user for a month. Raises
    :class:`CodeRefused`; with the reason ``KEPT`` where the institution keeps the address: then the channel
    stays as it is, and all else is done.
    """
    with transaction.atomic():
        known = look_up(secret).request
        account = locked(User.objects.filter(pk=known.user_id)).get().home_account if known else None
        found = look_up(secret)  # again: what was read before the lock may be old
        request = found.request
        if request is None or account is None or found.refused:
            raise CodeRefused(found.refused or Reason.UNKNOWN)
        channel = CommunicationChannel.objects.select_for_update(no_key=True).get(pk=request.channel_id)
        Confirmation.objects.filter(pk=request.pk).update(refused_at=timezone.now())
        asked = Confirmation.objects.filter(channel=channel, address_folded=request.address_folded)
        asked.filter(workflow_state__in=OPEN).update(workflow_state=Confirmation.WorkflowState.REPLACED)
        outcome = _take_away(channel, request.address_folded, account)
        audit.record(None, Action.REFUSE, user_id=channel.user_id, channel_id=channel.pk, outcome=outcome)
    if outcome == Reason.KEPT:
        raise CodeRefused(Reason.KEPT)
    return channel


def _take_away(channel: CommunicationChannel, address_folded: str, account: Account) -> str:
    """What became of the address, for the audit trail."""
    if channel.pending_address is not None and compared(channel.pending_address) == address_folded:
        channel.pending_address = None
        channel.save(update_fields=["pending_address", "updated_at"])
        return "pending_dropped"
    retired = channel.workflow_state == CommunicationChannel.WorkflowState.RETIRED
    if retired or channel.address_folded != address_folded:
        return "gone_already"
    if replacement.is_kept(channel, account):
        return Reason.KEPT
    registry.withdraw(channel, account)
    return "retired"
