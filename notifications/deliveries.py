"""What is not delivered or done yet, and why: the operator's view over all kinds, and other jobs."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.exceptions import UniqueViolation
from procrastinate.manager import QUEUEING_LOCK_CONSTRAINT

from canvas_channels.core import outbox
from notifications.kinds import BY_JOB, KINDS, Kind, of_job

JOB = "job"  # whatever fails and has no row of its own
NAMES = (*KINDS, JOB)

_AT_ONCE = 500
_FAILED_JOB = "the worker's log says why"


@dataclass(frozen=True, slots=True)
class Delivery:
    """``reason`` "": not tried yet. ``to`` is masked: no full address and no token."""

    kind: str
    id: int
    state: str
    since: datetime | None
    to: str
    reason: str


def undelivered(limit: int) -> list[Delivery]:
    """The newest of each kind, ``limit`` at most: one query a kind."""
    found = [
        Delivery(name, row.pk, row.workflow_state, getattr(row, kind.since), kind.to(row), row.failure)
        for name, kind in KINDS.items()
        for row in kind.rows.undelivered().order_by("-pk")[:limit]
    ]
    return found + [_show_job(job) for job in _jobs().order_by("-pk")[:limit]]


def refused() -> Iterator[tuple[str, str, int]]:
    """How many of each kind, in which state, failed for good or for now."""
    for name, kind in KINDS.items():
        states = _refused(kind).order_by().values_list("workflow_state")
        yield from ((name, state, number) for state, number in states.annotate(Count("pk")))


def retry(name: str, row_id: int) -> bool:
    """Try one delivery again. False where there is none that failed or waits."""
    return (_retry_jobs if name == JOB else KINDS[name].retry)([row_id]) > 0


def run_again(job: ProcrastinateJob) -> bool:
    """Run a job now that failed or waits. False where it does neither, or what it is for is of no use.

    Where a row says what became of it, that row is asked for again: by itself such a job would do nothing.
    """
    if found := of_job(job):
        kind, row_ids = found
        return job.status in {"failed", "todo"} and kind.retry(row_ids) > 0
    return retry(JOB, job.pk)


def retry_all() -> dict[str, int]:
    """Try again all that has failed, for good or for now; returns how many of each kind."""
    rows = {name: _retry_all(_refused(kind), kind.retry) for name, kind in KINDS.items()}
    return rows | {JOB: _retry_all(_jobs(), _retry_jobs)}


def _refused(kind: Kind) -> "QuerySet[Any]":
    return kind.rows.undelivered().exclude(failure="")


def _retry_all(refused: "QuerySet[Any]", retry: Callable[[Collection[int]], int]) -> int:
    """In batches, from the oldest on: a row that is asked for again is not met twice."""
    asked, last = 0, 0
    ids = refused.order_by("pk").values_list("pk", flat=True)
    while batch := list(ids.filter(pk__gt=last)[:_AT_ONCE]):
        asked += retry(batch)
        last = batch[-1]
    return asked


def _jobs() -> "QuerySet[ProcrastinateJob]":
    """Those that failed, for good or for now, and for no row that says so.

    No index knows the failed ones; jobs that ended are few, since a periodic one removes them.
    """
    waiting = Q(status="todo", attempts__gt=0, scheduled_at__gt=timezone.now())
    return ProcrastinateJob.objects.filter(Q(status="failed") | waiting).exclude(task_name__in=BY_JOB)


def _show_job(job: ProcrastinateJob) -> Delivery:
    since = job.scheduled_at if job.status == "failed" else None  # else it is when it is tried again
    return Delivery(JOB, job.pk, job.status, since, job.task_name, _FAILED_JOB)


def _retry_jobs(ids: Collection[int]) -> int:
    """Jobs that wait already (by their ``queueing_lock``) are not asked for twice."""
    chosen = _jobs().filter(pk__in=ids).order_by("pk")
    waiting = chosen.filter(status="todo").values_list("pk", flat=True)
    asked = outbox.bring_forward(list(waiting))
    for job_id in chosen.filter(status="failed").values_list("pk", flat=True):
        try:
            with transaction.atomic():
                app.job_manager.retry_job_by_id(job_id, retry_at=timezone.now())
        except UniqueViolation as error:
            if error.constraint_name != QUEUEING_LOCK_CONSTRAINT:
                raise
            continue
        asked += 1
    return asked
