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


def removal_of(channel_id: int) -> int | None:
    """The id of a channel's newest audit entry: just after a removal, that removal's."""
    return AuditEntry.objects.filter(channel=channel_id).order_by("-id").values_list("id", flat=True).first()


def removal_of_device(subject: Subject, device_id: int) -> int | None:
    """The id of the audit entry of a removal that may be undone."""
    return _removals_since(timezone.now() - POSSIBLE_FOR, subject).get(device_id)


def restore(subject: Subject, channel_id: int, state: str, removal: int | None) -> CommunicationChannel:
    """Undo ``registry.retire``; ``state`` is the one that the channel was in, ``removal`` :func:`removal_of`.

    It is as it was, and what it was sent to confirm it counts still; only a change of its address that
    waited is gone. The push channel's devices are back with it. Raises :class:`NoSuchChannel` where it was
    removed by somebody else or too long ago, and where anything became of it since, be it that it came back
    and was removed once more: it may have another address now, which nobody confirmed; and
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
    wanted = (removal, Action.RETIRE, _actor(subject))
    if channel is None or newest is None or (newest.pk, newest.action, newest.actor_id) != wanted:
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
        registration.restore(subject, _removals_since(retired_at, subject, reason="channel_retired"))
    return channel


def restore_device(subject: Subject, device_id: int, removal: int | None) -> None:
    """Undo ``registration.remove_one``; ``removal`` is :func:`removal_of_device`.

    Raises :class:`NoSuchDevice` where it was removed by somebody else or too long ago, where it was
    registered since, and where the push channel is gone. Runs in a transaction, as :func:`restore`.
    """
    push = CommunicationChannel.objects.filter(LIVE, user=subject.user, type=Type.PUSH)
    found = removal_of_device(subject, device_id)
    if found is None or found != removal or not push.exists():
        raise NoSuchDevice
    if not registration.restore(subject, [device_id]):
        raise NoSuchDevice


def _removals_since(when: datetime, subject: Subject, **details: str) -> dict[int, int]:
    """The user's devices of which the newest is that the caller removed them, with these details.

    Each with the id of that audit entry.
    """
    entries = AuditEntry.objects.filter(user=subject.user, created_at__gte=when).order_by("id")
    newest = {entry.details["device_id"]: entry for entry in entries if "device_id" in entry.details}
    return {
        pk: entry.pk
        for pk, entry in newest.items()
        if (entry.action, entry.actor_id) == (Action.REMOVE_DEVICE, _actor(subject))
        and entry.details == {"device_id": pk, **details}
    }


def _actor(subject: Subject) -> int | None:
    return subject.caller.actor.pk if subject.caller else None
