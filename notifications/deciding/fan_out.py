"""Turns a dispatch into messages: some hundreds of recipients a transaction.

A transaction holds the dispatch's row and those of the users, decides, writes the messages and asks for them,
adds to the counters and marks the recipients. So a worker that dies in it leaves the recipients for the next
one, and a second worker waits; cancelling the dispatch cancels what was written, and nothing comes after it.
The users are held before anything is counted: two dispatches would both find room for a user's last message.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models.functions import Now

from canvas_channels.core.identity.callers import hold_users
from channels_api.models import CommunicationChannel
from notifications.deciding import facts, sql
from notifications.deciding.rules import WITHHELD, Occasion, Outcome
from notifications.deciding.times import time_of
from notifications.dispatches.models import Dispatch, DispatchRecipient
from notifications.messages import queue
from notifications.messages.models import Message
from notifications.preferences import mandatory
from notifications.preferences.catalogue import ALWAYS
from notifications.preferences.models import Frequency
from notifications.scheduling import waiting
from notifications.scheduling.zones import zone_of

BATCH = 500  # recipients a transaction

_OWN = {  # what differs from message to message, and its type in PostgreSQL
    "user_id": "bigint",
    "channel_id": "bigint",
    "kind": "text",
    "type": "text",
    "frequency": "text",
    "text_account_id": "bigint",
    "address": "text",
    "mandatory": "boolean",
    "workflow_state": "text",
    "waits_for": "text",
    "due_at": "timestamptz",
}
_INSERT = f"""
INSERT INTO {Message._meta.db_table} (
    account_id, dispatch_id, notification_id, object_id, {", ".join(_OWN)},
    subject, body, attempts, failure, devices, provider_id, created_at, updated_at
)
SELECT %s, %s, %s, %s, each.*, '', '', 0, '', '{{}}', '', statement_timestamp(), statement_timestamp()
FROM unnest({", ".join(f"%s::{type_}[]" for type_ in _OWN.values())}) AS each
RETURNING id, workflow_state
"""  # noqa: S608 - of names only

Kind, State = Message.Kind, Dispatch.WorkflowState
Type = CommunicationChannel.Type


@transaction.atomic
def step(dispatch_id: int) -> bool:
    """Decide on the next recipients, where there are some; returns whether there are more."""
    dispatch = _held(dispatch_id)
    if dispatch is None:
        return False
    undecided = DispatchRecipient.objects.filter(dispatch=dispatch, decided=False).order_by("id")
    recipients = list(undecided.values_list("id", "user_id")[:BATCH])
    if recipients:
        hold_users([user_id for _, user_id in recipients])
        rows = _decided(dispatch, recipients)
        _write(dispatch, dispatch.now, [row for row in rows if row.outcome not in WITHHELD])
        withheld = Counter(row.outcome.value for row in rows if row.outcome in WITHHELD)
        dispatch.withheld = dict(Counter(dispatch.withheld) + withheld)
        DispatchRecipient.objects.filter(pk__in=[pk for pk, _ in recipients]).update(decided=True)
    done = len(recipients) < BATCH
    dispatch.workflow_state = State.COMPLETED if done else State.RUNNING
    dispatch.completed_at = dispatch.now if done else None
    dispatch.failure = ""
    dispatch.save(update_fields=["workflow_state", "completed_at", "withheld", "failure"])
    return not done


def _held(dispatch_id: int) -> Any:
    """The dispatch, with the time of the database: what is staged is due by it."""
    held = Dispatch.objects.waiting().select_for_update(of=("self",), no_key=True)
    found = held.select_related("account", "notification__category").annotate(now=Now())
    return found.filter(pk=dispatch_id).first()


def _decided(dispatch: Dispatch, recipients: Sequence[tuple[int, int]]) -> list[sql.Row]:
    account, notification = dispatch.account, dispatch.notification
    category = notification.category
    occasion = Occasion(
        default_frequency=category.default_frequency,
        always=category.slug in ALWAYS,
        mandatory=category.pk in mandatory.categories_of(account.pk),
        suppressed=account.suppress_notifications,
        to_devices=notification.push and account.push_notifications,
        to_numbers=account.sms_notifications,
    )
    subject = sql.Subject(
        notification_id=notification.pk, category_id=category.pk, course_id=dispatch.course_id
    )
    known = facts.for_recipients(occasion, [user_id for _, user_id in recipients])
    return sql.decide(occasion, subject, known, [pk for pk, _ in recipients])


def _write(dispatch: Dispatch, now: datetime, rows: Sequence[sql.Row]) -> None:
    messages = [_message(dispatch, now, row) for row in rows]
    waiting.replace(messages)
    queue.ask(_insert(dispatch, messages), bulk=True)


def _insert(dispatch: Dispatch, messages: Sequence[Message]) -> list[int]:
    """Write the messages; returns the ids of those that go now. ``bulk_create`` takes three times as long."""
    columns: list[Any] = [[getattr(message, name) for message in messages] for name in _OWN]
    shared: list[Any] = [dispatch.account_id, dispatch.pk, dispatch.notification_id, dispatch.object_id]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [*shared, *columns])
        return [pk for pk, state in cursor.fetchall() if state == Message.WorkflowState.CREATED]


def _message(dispatch: Dispatch, now: datetime, row: sql.Row) -> Message:
    state, waits_for, due_at = time_of(
        row.outcome,
        user_id=row.user_id,
        type_=row.type,
        at_once=row.at_once,
        delay=timedelta(minutes=dispatch.notification.delay_for),
        now=now,
        zone=zone_of(row.time_zone, row.account_time_zone),
        hours=row.quiet_hours,
    )
    in_digest = row.outcome in (Outcome.DAILY, Outcome.WEEKLY)
    return Message(
        user_id=row.user_id,
        channel_id=row.channel_id,
        account_id=dispatch.account_id,
        dispatch_id=dispatch.pk,
        notification_id=dispatch.notification_id,
        kind=Kind.DIGEST_ENTRY if in_digest else Kind.NOTIFICATION,
        type=row.type,
        frequency=row.outcome.value if in_digest else Frequency.IMMEDIATELY,
        text_account_id=row.home_account_id if row.type == Type.SMS else None,
        address=row.address,
        object_id=dispatch.object_id,
        mandatory=row.at_once,
        workflow_state=state,
        waits_for=waits_for,
        due_at=due_at,
    )
