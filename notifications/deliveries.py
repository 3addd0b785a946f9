"""What is not delivered yet, and why: the operator's view over messages, devices, events and jobs."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.exceptions import UniqueViolation

from channels_api import outbox
from channels_api.addresses import mask
from channels_api.messages import retries
from channels_api.models import UNSENT, UNSYNCED, Confirmation, PushDevice, SecurityNotice
from notifications.webhooks import events
from notifications.webhooks.models import UNHANDLED, WebhookEvent

_AT_ONCE = 500
_REFUSED = ~Q(failure="")
_FAILED_JOB = "the worker's log says why"

# Their rows say what became of them, so their jobs are not listed beside.
_ROWS = {
    outbox.SEND_CONFIRMATION: ("confirmation", "confirmation_id"),
    outbox.SEND_SECURITY_NOTICE: ("security_notice", "announcement_id"),
    outbox.SYNC_DEVICE: ("device", "device_id"),
    events.HANDLE: ("event", "event_id"),
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """``reason`` "": not tried yet. ``to`` is masked: no full address and no token."""

    kind: str
    id: int
    state: str
    since: datetime | None
    to: str
    reason: str


@dataclass(frozen=True, slots=True)
class Kind:
    """``refused`` holds the rows that failed for good, or failed and wait for their next try."""

    rows: Callable[[], "QuerySet[Any]"]
    refused: Q
    show: Callable[[Any], Delivery]
    retry: Callable[[list[int]], int]


def undelivered(limit: int) -> list[Delivery]:
    """The newest of each kind, ``limit`` at most: one query a kind."""
    return [kind.show(row) for kind in KINDS.values() for row in kind.rows().order_by("-pk")[:limit]]


def retry(kind: str, row_id: int) -> bool:
    """Try one delivery again. False where there is none that failed or waits."""
    return KINDS[kind].retry([row_id]) > 0


def run_again(job: ProcrastinateJob) -> bool:
    """Run a job now that failed or waits. False where it does neither, or what it is for is of no use.

    Where a row says what became of it, that row is asked for again: by itself such a job would do nothing.
    """
    if row := _ROWS.get(job.task_name):
        kind, argument = row
        return job.status in {"failed", "todo"} and retry(kind, job.args[argument])
    return retry("job", job.pk)


def retry_all() -> dict[str, int]:
    """Try again all that has failed, for good or for now; returns how many of each kind."""
    return {name: _retry_all(kind) for name, kind in KINDS.items()}


def _retry_all(kind: Kind) -> int:
    """In batches, from the oldest on: a row that is asked for again is not met twice."""
    asked, last = 0, 0
    refused = kind.rows().filter(kind.refused).order_by("pk").values_list("pk", flat=True)
    while batch := list(refused.filter(pk__gt=last)[:_AT_ONCE]):
        asked += kind.retry(batch)
        last = batch[-1]
    return asked


def _confirmations() -> "QuerySet[Confirmation]":
    """Those that are still of use: their address is neither confirmed nor retired."""
    return Confirmation.objects.filter(UNSENT, retries.OF_USE).select_related("channel")


def _show_confirmation(row: Confirmation) -> Delivery:
    to = f"{row.channel.type} {mask(row.channel.address_to_confirm)}"
    return Delivery("confirmation", row.pk, row.workflow_state, row.created_at, to, row.failure)


def _security_notices() -> "QuerySet[SecurityNotice]":
    return SecurityNotice.objects.filter(UNSENT)


def _show_security_notice(row: SecurityNotice) -> Delivery:
    to = f"{row.type} {mask(row.address)}"
    return Delivery("security_notice", row.pk, row.workflow_state, row.created_at, to, row.failure)


def _devices() -> "QuerySet[PushDevice]":
    return PushDevice.objects.filter(UNSYNCED)


def _show_device(row: PushDevice) -> Delivery:
    return Delivery(
        "device", row.pk, row.workflow_state, row.updated_at, f"push of user {row.user_id}", row.failure
    )


def _events() -> "QuerySet[WebhookEvent]":
    return WebhookEvent.objects.filter(UNHANDLED)


def _show_event(row: WebhookEvent) -> Delivery:
    return Delivery("event", row.pk, row.workflow_state, row.received_at, row.provider, row.failure)


def _jobs() -> "QuerySet[ProcrastinateJob]":
    """Those that failed, for good or for now.

    No index knows the failed ones; jobs that ended are few, since a periodic one removes them.
    """
    waiting = Q(status="todo", attempts__gt=0, scheduled_at__gt=timezone.now())
    return ProcrastinateJob.objects.filter(Q(status="failed") | waiting).exclude(task_name__in=_ROWS)


def _show_job(row: ProcrastinateJob) -> Delivery:
    since = row.scheduled_at if row.status == "failed" else None  # else it is when it is tried again
    return Delivery("job", row.pk, row.status, since, row.task_name, _FAILED_JOB)


def _retry_jobs(ids: Iterable[int]) -> int:
    """Jobs that wait already (by their ``queueing_lock``) are not asked for twice."""
    chosen = _jobs().filter(pk__in=ids).order_by("pk")
    waiting = chosen.filter(status="todo").values_list("pk", flat=True)
    asked = outbox.bring_forward(list(waiting))
    for job_id in chosen.filter(status="failed").values_list("pk", flat=True):
        try:
            with transaction.atomic():
                app.job_manager.retry_job_by_id(job_id, retry_at=timezone.now())
        except UniqueViolation:
            continue
        asked += 1
    return asked


KINDS = {
    "confirmation": Kind(_confirmations, _REFUSED, _show_confirmation, retries.retry_confirmations),
    "security_notice": Kind(
        _security_notices, _REFUSED, _show_security_notice, retries.retry_security_notices
    ),
    "device": Kind(_devices, _REFUSED, _show_device, retries.retry_devices),
    "event": Kind(_events, _REFUSED, _show_event, events.retry),
    "job": Kind(_jobs, Q(), _show_job, _retry_jobs),
}
