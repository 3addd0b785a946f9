"""How much waits in the queue, and for how long."""

import time
from dataclasses import dataclass
from typing import NamedTuple

from django.db import connection

KEPT_SECONDS = 5.0  # what was read serves so long: probes and scrapes come from several sides
HEARTBEAT_SECONDS = 30  # a worker writes one each 10 seconds

# Jobs that ended are many, and are not met: the partial index over those that did not is all that is read.
# A job has no time of its own unless it is for later (as a try again is), but its first event has.
_JOBS = """
WITH unfinished AS (
    SELECT task_name,
           CASE WHEN status = 'doing' THEN 'doing'
                WHEN scheduled_at > now() THEN 'later'
                ELSE 'due' END AS state,
           count(*) AS jobs,
           min(id) FILTER (WHERE scheduled_at IS NULL) AS first_id,
           min(scheduled_at) FILTER (WHERE scheduled_at <= now()) AS first_at
    FROM procrastinate_jobs WHERE status IN ('todo', 'doing')
    GROUP BY 1, 2
)
SELECT task_name, state, jobs, coalesce(extract(epoch FROM now() - least(
    first_at, (SELECT min(at) FROM procrastinate_events WHERE job_id = first_id)
)), 0)::float
FROM unfinished ORDER BY 1, 2
"""
_WORKERS = (
    "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - make_interval(secs => %s)"
)


class Unfinished(NamedTuple):
    """Jobs of one task. ``state`` is due, later or doing; ``seconds`` the age of the oldest, 0 for later."""

    task: str
    state: str
    jobs: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Queue:
    unfinished: list[Unfinished]
    workers: int

    @property
    def seconds_behind(self) -> float:
        """How long the oldest job has been due that no worker has taken."""
        return max((jobs.seconds for jobs in self.unfinished if jobs.state == "due"), default=0.0)


_last: tuple[float, Queue] | None = None


def read() -> Queue:
    """The queue as it is, or was some seconds ago. Raises Django's ``Error``."""
    global _last
    if _last is None or time.monotonic() > _last[0] + KEPT_SECONDS:
        _last = time.monotonic(), _read()
    return _last[1]


def _read() -> Queue:
    with connection.cursor() as cursor:
        cursor.execute(_JOBS)
        unfinished = [Unfinished(*row) for row in cursor.fetchall()]
        cursor.execute(_WORKERS, [HEARTBEAT_SECONDS])
        (workers,) = cursor.fetchone() or (0,)
    return Queue(unfinished, workers)
