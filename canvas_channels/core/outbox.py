"""Asks for jobs: the only way from a request to what is outside, by the name of a job.

A job joins the surrounding transaction, so that a rolled-back request never sends anything, and a crash never
loses what an accepted one asked for. Arguments are ids only: a code or a link is made by the worker.

Of the jobs under one lock, procrastinate runs none before those with an earlier id or a higher priority, even
where such a one is not due for an hour. So what is asked for again takes the place of what waits, and goes
ahead of what runs just now, should that have to wait for another try.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.db import connection
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.manager import JobManager
from procrastinate.tasks import configure_task

from canvas_channels.core.postgresql.trips import Query, trips
from canvas_channels.core.request_id import as_argument

# Priorities. What somebody waits for comes before all that is sent to many, at a later try too.
LATER = -20  # later tries of a bulk
BULK = -10
TRIED = -6  # later tries of what somebody waits for
UNREACHED = -4  # those of them that nobody answered to (``notifications.worker.retry``)
FIRST = 0  # procrastinate's default
AGAIN = 1
PERIODIC = 10  # few and short, and what brings back the jobs of a dead worker is among them

# In a worker the app's own connector is the queue's: its jobs would begin before our transaction ends.
_manager = JobManager(DjangoConnector())


# By procrastinate's own function; its Python makes a job of each row, and waits for their keys.
_DEFER = """
SELECT procrastinate_defer_jobs_v1(array_agg(
    ROW(
        'default', %s, %s, %s || row_id, NULL, jsonb_build_object(%s::text, row_id) || %s::jsonb, NULL
    )::procrastinate_job_to_defer_v1 ORDER BY at
))
FROM unnest(%s::bigint[]) WITH ORDINALITY AS asked (row_id, at)
"""

# procrastinate cancels by id only. Why what waits is asked for in this way: migration 0013 of notifications.
_CANCEL = "UPDATE procrastinate_jobs SET status = 'cancelled' WHERE status < 'doing' AND lock = ANY(%s)"


@dataclass(frozen=True, slots=True)
class Job:
    """What the queue knows of a job for a row. It never changes: jobs wait there while versions do.

    Of a row's jobs, which share the lock ``<row>:<id>``, one runs at a time.
    """

    name: str
    row: str
    argument: str  # the row's id, or a list of ids
    priority: int = FIRST

    def ask(self, row_ids: Collection[int], *, priority: int | None = None) -> None:
        """A job for each row, in one statement, which goes with the next one or the COMMIT."""
        if row_ids:
            also = orjson.dumps(as_argument()).decode()
            level = self.priority if priority is None else priority
            given = (self.name, level, self.lock(""), self.argument, also, list(row_ids))
            trips().later(Query(_DEFER, given))

    def ask_in_batches(self, row_ids: Sequence[int], at_once: int, *, priority: int) -> None:
        """Jobs that take ``at_once`` rows each, under no lock, in one statement."""
        task = configure_task(name=self.name, job_manager=_manager, priority=priority)
        batches: list[Any] = [
            list(row_ids[start : start + at_once]) for start in range(0, len(row_ids), at_once)
        ]
        jobs = [task.make_new_job(**{self.argument: batch}, **as_argument()) for batch in batches]
        if jobs:
            _manager.batch_defer_jobs(jobs)

    def ask_again(self, row_ids: Collection[int]) -> None:
        """A job for each row that runs now, whatever waits for it. The caller holds the rows' locks."""
        if row_ids:
            locks = [self.lock(row_id) for row_id in row_ids]
            trips().later(Query(_CANCEL, (locks,)))
            self.ask(row_ids, priority=AGAIN)

    def lock(self, row_id: int | str) -> str:
        return f"{self.row}:{row_id}"


def bring_forward(job_ids: Sequence[int]) -> int:
    """Have jobs run now that wait for another try; returns how many.

    Each is replaced by a copy: workers are told of new jobs only.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH waiting AS (UPDATE procrastinate_jobs SET status = 'cancelled' "
            "WHERE status < 'doing' AND id = ANY(%s) RETURNING *) "
            "INSERT INTO procrastinate_jobs (queue_name, task_name, priority, lock, queueing_lock, args) "
            "SELECT queue_name, task_name, %s, lock, queueing_lock, args FROM waiting ORDER BY id",
            [list(job_ids), AGAIN],
        )
        return int(cursor.rowcount)


def is_waiting(lock: str | None) -> bool:
    """Whether a job under this lock is still to run."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM procrastinate_jobs WHERE status < 'doing' AND lock = %s)", [lock]
        )
        (found,) = cursor.fetchone() or (False,)
    return bool(found)
