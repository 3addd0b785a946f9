"""Messages that wait: for newer news of the same thing, the end of quiet hours, or another try."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import (
    DateTimeField,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.functions import Greatest, Now
from django.utils import timezone

from canvas_channels.core.identity.models import User
from channels_api.messages.limits import advisory_locks
from channels_api.models import CommunicationChannel
from notifications.messages import queue
from notifications.messages.models import UNSENT, Message, MessageQuerySet
from notifications.preferences.models import Notification, QuietHours
from notifications.scheduling.zones import quiet_until, zone_of

State, WaitsFor = Message.WorkflowState, Message.WaitsFor

REPLACED_WITHIN = timedelta(hours=6)  # Canvas's
CLAIMED = timedelta(minutes=1)  # a worker that takes longer to send a message has died
_BATCH = 500
_SILENT = (CommunicationChannel.Type.PUSH, CommunicationChannel.Type.SMS)  # what quiet hours are for
_QUIET_HOURS = ("starts", "ends", "days")


def replace(messages: Sequence[Message]) -> None:
    """Let the newer of two messages about one thing take the other's place, where neither is sent.

    Called by the transaction that inserts ``messages``, of one dispatch, before it does. What earlier
    dispatches of the same notification and ``object_id`` have for the same channels is cancelled, up to six
    hours back; where a later one was faster, the message itself becomes ``cancelled``.
    """
    about = [message for message in messages if message.object_id]
    if not about:
        return
    first = about[0]
    advisory_locks([f"news of:{first.notification_id}:{first.object_id}"])
    same = Message.objects.filter(
        user__in={message.user_id for message in about},
        channel__in={message.channel_id for message in about},
        notification=first.notification_id,
        object_id=first.object_id,
    )
    earlier = same.filter(dispatch__lt=first.dispatch_id, created_at__gt=Now() - REPLACED_WITHIN)
    earlier.cancel()
    failed = [State.CANCELLED, State.BOUNCED, State.TRANSMISSION_ERROR]
    later = same.filter(
        dispatch__gt=first.dispatch_id,
        dispatch__notification=first.notification_id,
        dispatch__object_id=first.object_id,
    )
    overtaken = set(later.exclude(workflow_state__in=failed).values_list("channel_id", flat=True))
    for message in about:
        if message.channel_id in overtaken and message.workflow_state in (State.CREATED, State.STAGED):
            message.workflow_state = State.CANCELLED
            message.waits_for, message.due_at = WaitsFor.NOTHING, None


def release(user: User) -> None:
    """Let what waits for the end of a user's quiet hours wait no longer than these now last."""
    hours = QuietHours.objects.filter(user=user).first()
    now = timezone.now()
    until = hours and quiet_until(now, zone_of(user.time_zone, user.home_account.default_time_zone), hours)
    delay = ExpressionWrapper(
        Subquery(Notification.objects.filter(pk=OuterRef("notification")).values("delay_for"))
        * Value(timedelta(minutes=1)),
        output_field=DurationField(),
    )
    delayed = ExpressionWrapper(F("created_at") + delay, output_field=DateTimeField())
    Message.objects.filter(
        UNSENT,
        channel__in=CommunicationChannel.objects.filter(user=user).values("pk"),
        workflow_state=State.STAGED,
        waits_for=WaitsFor.QUIET_HOURS,
        due_at__gt=until or now,
    ).update(due_at=Greatest(Value(until) if until else Now(), delayed), updated_at=Now())


def collect(*, heed_quiet_hours: bool = True) -> int:
    """Have the messages delivered that waited long enough, and those whose worker died while it sent them.

    Returns how many rows it looked at. It goes by the database's clock. Each batch is a transaction, and
    leaves what another worker holds.
    """
    seen = _take_over()
    while batch := _collect_batch(heed_quiet_hours):
        seen += batch
    return seen


@transaction.atomic
def _take_over() -> int:
    sending = Message.objects.filter(workflow_state=State.SENDING, updated_at__lt=Now() - CLAIMED)
    left = list(sending.select_for_update(skip_locked=True, of=("self",)).only("kind")[:_BATCH])
    _have_delivered(left)
    return len(left)


@transaction.atomic
def _collect_batch(heed_quiet_hours: bool) -> int:
    due = list(_due().select_for_update(skip_locked=True, of=("self",))[:_BATCH])
    cancelled, postponed, created = [], [], []
    for message in due:
        if message.gone or message.superseded:
            cancelled.append(message)
        elif heed_quiet_hours and (until := _quiet_until(message)):
            message.waits_for, message.due_at = WaitsFor.QUIET_HOURS, until
            postponed.append(message)
        else:
            created.append(message)
    if cancelled:
        _rows(cancelled).cancel()
    if postponed:
        Message.objects.bulk_update(postponed, ["waits_for", "due_at"])
    _have_delivered(created)
    return len(due)


def _have_delivered(messages: Sequence[Message]) -> None:
    if messages:
        _rows(messages).update(
            workflow_state=State.CREATED, waits_for=WaitsFor.NOTHING, due_at=None, updated_at=Now()
        )
    queue.ask([message.pk for message in messages if message.kind == Message.Kind.TEST], bulk=False)
    queue.ask([message.pk for message in messages if message.kind != Message.Kind.TEST])


def _due() -> "QuerySet[Any]":
    """Messages whose time has come, each with what is to be known to judge it."""
    newer = Message.objects.filter(
        UNSENT,
        ~Q(object_id=""),
        user=OuterRef("user"),
        channel=OuterRef("channel"),
        notification=OuterRef("notification"),
        object_id=OuterRef("object_id"),
        dispatch__gt=OuterRef("dispatch"),
    )
    retired = CommunicationChannel.WorkflowState.RETIRED
    return (
        Message.objects.filter(workflow_state=State.STAGED, due_at__lte=Now())
        .exclude(waits_for=WaitsFor.DIGEST)
        .order_by("due_at", "id")
        .only("id", "kind", "type", "waits_for")
        .annotate(
            now=Now(),
            gone=Q(channel=None) | Q(channel__workflow_state=retired),
            superseded=Q(waits_for=WaitsFor.QUIET_HOURS) & Exists(newer),
            time_zone=F("user__time_zone"),
            account_time_zone=F("user__home_account__default_time_zone"),
            **{name: F(f"user__quiet_hours__{name}") for name in _QUIET_HOURS},
        )
    )


def _quiet_until(message: Any) -> datetime | None:
    """Until when it has to wait, as the user's quiet hours are now; a test never does."""
    if message.starts is None or message.type not in _SILENT or message.kind == Message.Kind.TEST:
        return None
    return quiet_until(message.now, zone_of(message.time_zone, message.account_time_zone), message)


def _rows(messages: Sequence[Message]) -> MessageQuerySet:
    return Message.objects.filter(pk__in=[message.pk for message in messages])
