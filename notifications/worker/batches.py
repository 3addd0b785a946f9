"""The jobs of one kind that a worker does in one go: to fetch and to end each costs more than a message.

One of them was fetched as any other is; it takes those along that are due, of its task and priority. They
are ``doing`` then under the same worker, so they come back as any other if it dies. What became of a group of
them is one transaction with what becomes of their rows.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
from django.db import IntegrityError, connection, transaction
from procrastinate import jobs

from canvas_channels.core import outbox
from canvas_channels.core.constraints import constraint_of
from canvas_channels.core.metrics import JOBS
from canvas_channels.core.outbox import Job
from canvas_channels.core.request_id import ARGUMENT, REQUEST_ID
from notifications.gateways import TransportError
from notifications.worker import retry
from notifications.worker.process import IS_REGISTERED
from notifications.worker.together import Outcome, Steps
from notifications.worker.turns import Turn

logger = logging.getLogger(__name__)

_ONE_OF_A_LOCK = "procrastinate_jobs_lock_idx_v1"  # is done at a time
_TAKE = "SELECT id, args, attempts, priority, lock FROM notifications_take_jobs(%s, %s)"
_END = """
UPDATE procrastinate_jobs AS job
SET status = ended.status::procrastinate_job_status,
    attempts = job.attempts + ended.tries,
    priority = ended.priority,
    scheduled_at = CASE WHEN ended.wait > 0 THEN now() + make_interval(secs => ended.wait)
                        ELSE job.scheduled_at END,
    abort_requested = false
FROM unnest(%s::bigint[], %s::text[], %s::integer[], %s::integer[], %s::float[])
     AS ended (id, status, tries, priority, wait)
WHERE job.id = ended.id AND job.status = 'doing' AND job.worker_id = %s
"""

Deliver = Callable[[Sequence[int]], Iterable[tuple[int, Steps]]]
Settle = Callable[[Mapping[int, Any]], None]


class _Taken(NamedTuple):
    """A job that this worker has, as the queue and its row know it."""

    id: int
    row_id: int
    request_id: str
    attempts: int
    priority: int
    lock: str | None


class _End(NamedTuple):
    """What becomes of a job; ``wait``, in seconds, until its next try."""

    status: str
    tries: int
    priority: int
    wait: float = 0.0


@dataclass(frozen=True, slots=True)
class Batch:
    """How rows of a kind are delivered.

    ``deliver`` takes ids and returns the steps of those that are to be delivered. ``settle`` writes down what
    the steps returned, and ``mark_failed`` why a row's failed; both in a transaction with the rows' jobs.
    """

    job: Job
    deliver: Deliver
    settle: Settle
    mark_failed: Callable[..., None]

    def work(self, first: jobs.Job, turn: Turn, lose: Callable[[], None]) -> None:
        """Deliver for the first job and, for a turn, for those that it takes along; raises the first's error.

        ``lose`` is called where jobs that were taken along cannot be given back.
        """
        row_id: Any = first.task_kwargs[self.job.argument]
        own = REQUEST_ID.get()
        alone = _Taken(first.id or 0, row_id, own, first.attempts, first.priority, first.lock)
        if first.priority == outbox.LATER:
            turn.in_vain = 0.0
        try:
            outcome = self._deliver(turn, [alone], first).get(row_id)
            while not turn.is_over and (taken := self._take(first, turn.room)):
                try:
                    self._deliver(turn, taken, first)
                except Exception:
                    logger.exception("jobs are given back", extra={"action": self.job.name})
                    _give_back(taken, first, lose)
                    break
            if first.priority == outbox.LATER:
                retry.put_off(self.job.name, turn.unanswered)
        finally:
            REQUEST_ID.set(own)
        if outcome and outcome.error:
            raise outcome.error

    def _take(self, first: jobs.Job, most: int) -> list[_Taken]:
        try:
            with connection.cursor() as cursor:
                cursor.execute(_TAKE, [first.id, most])
                rows = cursor.fetchall()
        except IntegrityError as error:
            if constraint_of(error) not in {_ONE_OF_A_LOCK, IS_REGISTERED}:
                raise
            return []  # one of them began elsewhere under its lock, or this worker is taken for dead
        given = [(job_id, orjson.loads(args), *others) for job_id, args, *others in rows]
        return [
            _Taken(job_id, args[self.job.argument], args.get(ARGUMENT, ""), *others)
            for job_id, args, *others in given
        ]

    def _deliver(self, turn: Turn, taken: Sequence[_Taken], first: jobs.Job) -> dict[int, Outcome]:
        """A group, and what becomes of its jobs; the queue ends the first one itself."""
        began = time.perf_counter()
        of_row = {job.row_id: job for job in taken}
        places = {row_id: place for place, row_id in enumerate(of_row)}
        try:
            due = sorted(self.deliver(list(of_row)), key=lambda pair: places[pair[0]])
            outcomes = turn.take(self._named(due, of_row))
        except Exception as error:
            if taken[0].id != first.id:
                raise
            due, outcomes = [], {taken[0].row_id: Outcome(error=error)}
        left = {row_id for row_id, _ in due} - outcomes.keys()
        with transaction.atomic():
            self.settle({row_id: done.result for row_id, done in outcomes.items() if done.error is None})
            ends = {
                job: _left(job, turn) if job.row_id in left else self._end_of(job, outcomes.get(job.row_id))
                for job in taken
            }
            along = {job: end for job, end in ends.items() if job.id != first.id}
            uncounted = {
                job: _End("doing", -1, job.priority)  # the queue counts the first one's try itself
                for job, end in ends.items()
                if job.id == first.id and not end.tries
            }
            _end(along | uncounted, first)
            if any(
                job.priority == outbox.UNREACHED and _is_answered(outcomes.get(job.row_id)) for job in taken
            ):
                retry.bring_forward(self.job.name)
        seconds = (time.perf_counter() - began) / len(taken)
        for job, end in along.items():
            if job.row_id not in left:
                self._tell(job, end, seconds)
        return outcomes

    def _end_of(self, job: _Taken, outcome: Outcome | None) -> _End:
        """``outcome`` None: there was nothing to deliver."""
        if outcome is None or outcome.error is None:
            return _End("succeeded", 1, job.priority)
        error = outcome.error
        REQUEST_ID.set(job.request_id)
        note_failure(self.job, job.row_id, job.lock, error, job.attempts, self.mark_failed)
        if retry.is_last(error, job.attempts):
            return _End("failed", 1, job.priority)
        priority = retry.later(job.priority, unanswered=retry.is_unanswered(error))
        if isinstance(error, TransportError) and retry.is_tried_soon(self.job.name, error, job.priority):
            error.tried_soon = True
            return _End("todo", int(retry.counts(job.attempts)), priority, retry.SOON)
        return _End("todo", 1, priority, retry.wait_after(job.attempts))

    def _named(
        self, due: Iterable[tuple[int, Steps]], of_row: Mapping[int, _Taken]
    ) -> Iterable[tuple[int, Steps]]:
        """Each with its own request's id in the log."""
        for row_id, steps in due:
            REQUEST_ID.set(of_row[row_id].request_id)
            yield row_id, steps

    def _tell(self, job: _Taken, end: _End, seconds: float) -> None:
        """Log and count the job, as the queue does for those that it ends itself."""
        outcome = "retried" if end.status == "todo" else end.status
        JOBS.labels(self.job.name, outcome).observe(seconds)
        REQUEST_ID.set(job.request_id)
        extra = {"action": self.job.name, "row": job.row_id, "job_id": job.id, "outcome": outcome}
        logger.info("job done along", extra=extra)


def note_failure(
    job: Job,
    row_id: int,
    lock: str | None,
    error: Exception,
    attempts: int,
    mark_failed: Callable[..., None] | None,
) -> None:
    """Put the reason on the row, and into the log.

    It is not final where it was asked for again meanwhile: what was tried then is yet to be seen.
    """
    reason = str(error) if isinstance(error, TransportError) else type(error).__name__
    final = retry.is_last(error, attempts)
    if mark_failed:
        final = final and _fail_for_good(lock, mark_failed, row_id, reason)
        if not final:
            mark_failed(row_id, reason, final=False)
    extra = {"action": job.name, "row": row_id, "reason": reason, "final": final}
    logger.warning("delivery failed", extra={**extra, "ours": getattr(error, "ours", False)})


def _fail_for_good(lock: str | None, mark_failed: Callable[..., None], row_id: int, reason: str) -> bool:
    """A retry changes the row too, so once this is written, its job is queued already or comes later."""
    with transaction.atomic():
        mark_failed(row_id, reason, final=True)
        asked_again = outbox.is_waiting(lock)
        transaction.set_rollback(asked_again)
    return not asked_again


def _left(job: _Taken, turn: Turn) -> _End:
    """Nobody tried it: it goes on at once, or waits where nobody can be reached (``retry.put_off``)."""
    if not turn.is_cut_off or job.priority == outbox.LATER:
        return _as_before(job)
    return _End("todo", 0, retry.later(job.priority, unanswered=True), retry.wait_after(0))


def _is_answered(outcome: Outcome | None) -> bool:
    """Whether somebody took the message, or refused it."""
    if outcome is None or retry.is_unanswered(outcome.error):
        return False
    return outcome.error is None or isinstance(outcome.error, TransportError)


def _as_before(job: _Taken) -> _End:
    return _End("todo", 0, job.priority)


def _give_back(taken: Sequence[_Taken], first: jobs.Job, lose: Callable[[], None]) -> None:
    try:
        connection.close_if_unusable_or_obsolete()
        _end({job: _as_before(job) for job in taken}, first)
    except Exception:
        lose()


def _end(ends: Mapping[_Taken, _End], first: jobs.Job) -> None:
    if ends:
        ids = [job.id for job in ends]
        with connection.cursor() as cursor:
            cursor.execute(_END, [ids, *map(list, zip(*ends.values(), strict=True)), first.worker_id])
