"""Undoing the removal of a channel or a device. Knows nothing of HTTP."""

from datetime import datetime, timedelta

from django.utils import timezone

from canvas_channels.core.identity.callers import Subject
from canvas_channels.core.statements import update
from channels_api import audit
from channels_api.audit import Action
from channels_api.channels import ordering
from channels_api.devices import registration
from channels_api.errors import OF_CONSTRAINTS, NoSuchChannel, NoSuchDevice
from channels_api.messages.channel_counts import channel_counts
from channels_api.models import LIVE, AuditEntry, CommunicationChannel

POSSIBLE_FOR = timedelta(minutes=10)

Type, State = CommunicationChannel.Type, CommunicationChannel.WorkflowState


def restore(subject: Subject, channel_id: int, state: str) -> CommunicationChannel:
    """Undo ``registry.retire``; ``state`` is the one that the channel was in.

    It is as it was, and what it was sent to confirm it counts still; only a change of its address that
    waited is gone. The push channel's devices are back with it. Raises :class:`NoSuchChannel` where it was
    removed by somebody else or too long ago, and where anything became of it since; and
    :class:`InvalidValue` where there is no room any more. Runs in the transaction of the caller, which
    holds the user's row.
    """
    channel = CommunicationChannel.objects.filter(
        pk=channel_id,
        user=subject.user,
        workflow_state=State.RETIRED,
        retired_at__gt=timezone.now() - POSSIBLE_FOR,
    ).first()
    newest = AuditEntry.objects.filter(channel=channel_id).order_by("-id").first()
    if (
        channel is None
        or newest is None
        or (newest.action, newest.actor_id) != (Action.RETIRE, _actor(subject))
    ):
        raise NoSuchChannel
    retired_at = channel.retired_at
    counts = channel_counts(subject.user, channel.type, channel.address)
    counts.check_duplicates()
    counts.check_room()
    ordering.take_place(channel, counts.highest_position + 1)
    channel.workflow_state, channel.retired_at, channel.user = state, None, subject.user
    update(channel, ["workflow_state", "retired_at", "position", "updated_at"], OF_CONSTRAINTS)
    confirmed = state == State.ACTIVE
    audit.record(
        subject.caller, Action.REVIVE, user_id=subject.user.pk, channel_id=channel.pk, confirmed=confirmed
    )
    ordering.settle(channel, subject.user.home_account)
    if channel.type == Type.PUSH and retired_at:
        registration.restore(subject, _removed_since(retired_at, subject, reason="channel_retired"))
    return channel


def restore_device(subject: Subject, device_id: int) -> None:
    """Undo ``registration.remove_one``.

    Raises :class:`NoSuchDevice` where it was removed by somebody else or too long ago, where it was
    registered since, and where the push channel is gone. Runs in a transaction, as :func:`restore`.
    """
    push = CommunicationChannel.objects.filter(LIVE, user=subject.user, type=Type.PUSH)
    removed = _removed_since(timezone.now() - POSSIBLE_FOR, subject)
    if device_id not in removed or not push.exists() or not registration.restore(subject, [device_id]):
        raise NoSuchDevice


def _removed_since(when: datetime, subject: Subject, **details: str) -> list[int]:
    """The user's devices of which the newest is that the caller removed them, with these details."""
    entries = AuditEntry.objects.filter(user=subject.user, created_at__gte=when).order_by("id")
    newest = {entry.details["device_id"]: entry for entry in entries if "device_id" in entry.details}
    return [
        pk
        for pk, entry in newest.items()
        if (entry.action, entry.actor_id) == (Action.REMOVE_DEVICE, _actor(subject))
        and entry.details == {"device_id": pk, **details}
    ]


def _actor(subject: Subject) -> int | None:
    return subject.caller.actor.pk if subject.caller else None
