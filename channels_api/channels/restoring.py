"""Undoing the removal of a channel. Knows nothing of HTTP."""

from datetime import timedelta

from django.utils import timezone

from canvas_channels.core.identity.callers import Subject
from canvas_channels.core.statements import update
from channels_api import audit
from channels_api.audit import Action
from channels_api.channels import ordering
from channels_api.errors import OF_CONSTRAINTS, NoSuchChannel
from channels_api.messages.channel_counts import channel_counts
from channels_api.models import AuditEntry, CommunicationChannel

POSSIBLE_FOR = timedelta(minutes=10)

Type, State = CommunicationChannel.Type, CommunicationChannel.WorkflowState


def restore(subject: Subject, channel_id: int, state: str) -> CommunicationChannel:
    """Undo ``registry.retire``; ``state`` is the one that the channel was in.

    It is as it was, and what it was sent to confirm it counts still; only a change of its address that
    waited is gone. Raises :class:`NoSuchChannel` where it was removed by somebody else or too long ago,
    where anything became of it since, and for the push channel, whose devices are gone; and
    :class:`InvalidValue` where there is no room any more. Runs in the transaction of the caller, which
    holds the user's row.
    """
    channel = (
        CommunicationChannel.objects.exclude(type=Type.PUSH)
        .filter(
            pk=channel_id,
            user=subject.user,
            workflow_state=State.RETIRED,
            retired_at__gt=timezone.now() - POSSIBLE_FOR,
        )
        .first()
    )
    newest = AuditEntry.objects.filter(channel=channel_id).order_by("-id").first()
    actor_id = subject.caller.actor.pk if subject.caller else None
    if channel is None or newest is None or (newest.action, newest.actor_id) != (Action.RETIRE, actor_id):
        raise NoSuchChannel
    counts = channel_counts(subject.user, channel.type, channel.address)
    counts.check_duplicates()
    counts.check_room()
    taken = CommunicationChannel.objects.filter(user=subject.user, position=channel.position)
    if taken.exclude(workflow_state=State.RETIRED).exists():
        channel.position = counts.highest_position + 1
    channel.workflow_state, channel.retired_at, channel.user = state, None, subject.user
    update(channel, ["workflow_state", "retired_at", "position", "updated_at"], OF_CONSTRAINTS)
    confirmed = state == State.ACTIVE
    audit.record(
        subject.caller, Action.REVIVE, user_id=subject.user.pk, channel_id=channel.pk, confirmed=confirmed
    )
    ordering.settle(channel, subject.user.home_account)
    return channel
