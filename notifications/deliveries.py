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

from channels_api import outbox, retries
from channels_api.addresses import mask
from channels_api.models import OUT_OF_LINE, UNSENT, Announcement, Confirmation, PushDevice
from notifications.webhooks import events
from notifications.webhooks.models import UNHANDLED, WebhookEvent

_AT_ONCE = 500
_REFUSED = ~Q(failure="")
_FAILED_JOB = "the worker's log says why"

# Their rows say what became of them, so their jobs are not listed beside.
_WITH_ROWS = (outbox.SEND_CONFIRMATION, outbox.SEND_ANNOUNCEMENT, outbox.SYNC_DEVICE, events.HANDLE)


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


def _announcements() -> "QuerySet[Announcement]":
    return Announcement.objects.filter(UNSENT)


def _show_announcement(row: Announcement) -> Delivery:
    to = f"{row.type} {mask(row.address)}"
    return Delivery("announcement", row.pk, row.workflow_state, row.created_at, to, row.failure)


def _devices() -> "QuerySet[PushDevice]":
    return PushDevice.objects.filter(OUT_OF_LINE)


def _show_device(row: PushDevice) -> Delivery:
    return Delivery(
        "device", row.pk, row.workflow_state, row.updated_at, f"push of user {row.user_id}", row.failure
    )


def _events() -> "QuerySet[WebhookEvent]":
    return WebhookEvent.objects.filter(UNHANDLED)


def _show_event(row: WebhookEvent) -> Delivery:
    return Delivery("event", row.pk, row.workflow_state, row.received_at, row.provider, row.failure)


def _jobs() -> "QuerySet[ProcrastinateJob]":
    """No index knows the failed ones; jobs that ended are few, since a periodic one removes them."""
    return ProcrastinateJob.objects.filter(status="failed").exclude(task_name__in=_WITH_ROWS)


def _show_job(row: ProcrastinateJob) -> Delivery:
    return Delivery("job", row.pk, "failed", row.scheduled_at, row.task_name, _FAILED_JOB)


def _retry_jobs(ids: Iterable[int]) -> int:
    """Jobs that wait already (by their ``queueing_lock``) are not asked for twice."""
    asked = 0
    for job_id in _jobs().filter(pk__in=ids).order_by("pk").values_list("pk", flat=True):
        try:
            with transaction.atomic():
                app.job_manager.retry_job_by_id(job_id, retry_at=timezone.now())
        except UniqueViolation:
            continue
        asked += 1
    return asked


KINDS = {
    "confirmation": Kind(_confirmations, _REFUSED, _show_confirmation, retries.retry_confirmations),
    "announcement": Kind(_announcements, _REFUSED, _show_announcement, retries.retry_announcements),
    "device": Kind(_devices, _REFUSED, _show_device, retries.retry_devices),
    "event": Kind(_events, _REFUSED, _show_event, events.retry),
    "job": Kind(_jobs, Q(), _show_job, _retry_jobs),
}
