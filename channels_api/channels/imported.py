"""Channels that an operator imports: emails, active at once without a confirmation, or another service's.

What writes runs in the caller's transaction.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone

from canvas_channels.core.identity.callers import locked
from canvas_channels.core.identity.models import User
from channels_api import audit
from channels_api.addresses import clean_email, compared
from channels_api.audit import Action
from channels_api.channels import bounces, ordering, registry
from channels_api.messages import security_notices
from channels_api.messages.channel_counts import channel_counts
from channels_api.models import CommunicationChannel

EMAIL = CommunicationChannel.Type.EMAIL
ACTIVE = CommunicationChannel.WorkflowState.ACTIVE


def ensure_active_email(user: User, address: str, *, institutional: bool) -> CommunicationChannel:
    """Make sure that the user has the address as an active channel; a retired one comes back.

    Locks the user's row. A channel that is institutional stays so. The account's own limit on channels does
    not hold here. Raises :class:`InvalidAddress`, and :class:`InvalidValue` for too many channels.
    """
    address = clean_email(address)
    locked(User.objects.filter(pk=user.pk)).get()
    counts = channel_counts(user, EMAIL, address)
    if counts.same_live is not None:
        channel = CommunicationChannel.objects.select_for_update(no_key=True).get(pk=counts.same_live)
        if channel.workflow_state == ACTIVE and (channel.institutional or not institutional):
            return channel
    else:
        counts.check_room()
        channel = registry.place(user, counts, EMAIL, address)
    is_new = counts.same_live is None or channel.workflow_state != ACTIVE
    channel.user = user
    channel.workflow_state, channel.active_since = ACTIVE, timezone.now()
    _vouch(channel)
    channel.institutional = channel.institutional or institutional
    channel.save()
    audit.record(
        None, Action.IMPORT, user_id=user.pk, channel_id=channel.pk, institutional=channel.institutional
    )
    if is_new:
        security_notices.notify_new_addresses([channel])
    ordering.settle(channel, user.home_account)
    return channel


def forget_institutional_email(user: User, address: str) -> None:
    """The institution names another address now: the former one is the user's own to change or delete.

    So this holds whatever the account's ``edit_institution_email`` says.
    """
    former = CommunicationChannel.objects.filter(user=user, type=EMAIL, address_folded=compared(address))
    for channel in former.filter(institutional=True):
        registry.mark_institutional(None, channel, institutional=False)


def taken_over(
    type_: str,
    address: str,
    state: str,
    *,
    created_at: datetime | None,
    retired_at: datetime | None,
    counted: Mapping[str, Any],
) -> CommunicationChannel:
    """A channel as another service had it, not saved yet, and without a user and a position.

    ``address`` is clean; ``created_at`` None is now; ``counted`` are the columns about bounces.
    """
    now = timezone.now()
    channel = CommunicationChannel(
        type=type_,
        address=address,
        workflow_state=state,
        created_at=created_at or now,
        updated_at=now,
        retired_at=retired_at,
    )
    channel.fold_address()
    bounces.take_over(channel, counted)
    _vouch(channel)
    return channel


def _vouch(channel: CommunicationChannel) -> None:
    """The operator vouches for the address: password resets may go to it at once."""
    channel.made_with_user, channel.added_with_scopes = True, False
