"""When a failed delivery is tried again: growing waits with jitter, within a stated bound.

While nobody answers, each worker has one of each kind that somebody waits for tried again ``SOON``. The first
to be answered has the others tried at once: those of the priority ``UNREACHED``. Of a bulk's later tries, the
first two find out for all that are due, which are put off.
"""

import math
import random
import threading
import time
from collections import Counter
from typing import Any

from django.db import connection, transaction
from procrastinate import BaseRetryStrategy, RetryDecision
from procrastinate.jobs import Job

from canvas_channels.core import outbox
from notifications.gateways import TransportError
from notifications.worker.turns import CUT_OFF

FIRST_WAIT = 5.0  # seconds
LONGEST_WAIT = 3600.0  # seconds
MAX_TRIES = 40  # with these waits the last is 16 to 31 hours after the first
SOON = 1.0  # seconds
_AT_ONCE = 1000
_AHEAD = 15.0  # seconds; what is due by then is put off too
_TRIES_TO_LONGEST = math.ceil(math.log2(LONGEST_WAIT / FIRST_WAIT))

# As the queue's functions have it: migration 0013 says why, and why what waits is asked for in this way.
_PLANS = """
SELECT set_config('enable_' || way, 'off', true) FROM unnest('{sort,seqscan,bitmapscan}'::text[]) AS way
"""
# Rows are chosen once, into an array: a join could choose them again for each of 200,000 others.
_BRING_FORWARD = """
UPDATE procrastinate_jobs SET scheduled_at = now() WHERE id = ANY (ARRAY(
    SELECT id FROM procrastinate_jobs
    WHERE status <= 'todo' AND priority = %s AND coalesce(scheduled_at, '-infinity'::timestamptz) > now()
      AND task_name = %s
    ORDER BY coalesce(scheduled_at, '-infinity'::timestamptz), id LIMIT %s FOR UPDATE SKIP LOCKED
))
"""

# For as long as after a try of their own, which counts while it makes the wait longer: never as the last one.
_PUT_OFF = """
UPDATE procrastinate_jobs AS job
SET attempts = CASE WHEN attempts < %(most)s THEN attempts + 1 ELSE attempts END,
    scheduled_at = now() + make_interval(
        secs => least(%(longest)s, %(first)s * 2.0 ^ least(attempts, %(most)s)) * (0.5 + 0.5 * random())
    )
WHERE id = ANY (ARRAY(
    SELECT id FROM procrastinate_jobs
    WHERE status <= 'todo' AND priority = %(priority)s
      AND coalesce(scheduled_at, '-infinity'::timestamptz) <= now() + make_interval(secs => %(ahead)s)
      AND task_name = %(kind)s
    ORDER BY coalesce(scheduled_at, '-infinity'::timestamptz), id LIMIT %(at_once)s FOR UPDATE SKIP LOCKED
))
"""


class _Every:
    """What this process does at most every ``SOON`` seconds for a kind of job."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[str, float] = {}

    def is_due(self, kind: str) -> bool:
        now = time.monotonic()
        with self._lock:
            due = now - self._last.get(kind, -math.inf) >= SOON
            if due:
                self._last[kind] = now
            return due


_soon, _forward = _Every(), _Every()
_in_vain: Counter[str] = Counter()  # of a bulk's later tries, by kind: those that this process made last


def is_last(error: BaseException, attempts: int) -> bool:
    """Whether no try follows. ``attempts`` counts those before this one, as procrastinate does."""
    permanent = isinstance(error, TransportError) and error.permanent
    return permanent or attempts + 1 >= MAX_TRIES


def wait_after(attempts: int) -> float:
    """Seconds until the next try: doubled each time, and up to half of it taken off at random.

    So that those that failed together do not all come back together.
    """
    longest = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(attempts, MAX_TRIES))
    return longest * random.uniform(0.5, 1)  # noqa: S311 - no secret


def later(priority: int, *, unanswered: bool) -> int:
    """The priority of the next try: below all first tries of what is as urgent."""
    if priority <= outbox.BULK:
        return min(priority, outbox.LATER)
    return outbox.UNREACHED if unanswered else outbox.TRIED


def is_unanswered(error: BaseException | None) -> bool:
    return isinstance(error, TransportError) and error.unanswered


def is_tried_soon(kind: str, error: BaseException, priority: int) -> bool:
    """Whether this one is to find out when somebody answers again, who has not refused this client."""
    away = isinstance(error, TransportError) and error.unanswered and not error.ours
    return away and priority > outbox.BULK and _soon.is_due(kind)


def counts(attempts: int) -> bool:
    """Whether a try counts that is repeated soon: as often as its wait goes into the usual one, at random.

    So a job fails for good after as long as ever, though it is tried more often.
    """
    return random.random() < SOON / wait_after(attempts)  # noqa: S311 - no secret


def bring_forward(kind: str) -> None:
    """Somebody answered: have those tried now that nobody had answered to, some at a time."""
    if _forward.is_due(kind):
        _execute(_BRING_FORWARD, [outbox.UNREACHED, kind, _AT_ONCE])


def put_off(kind: str, unanswered: int) -> None:
    """Where nobody answers, have a bulk's later tries wait that are due or nearly so, without trying each.

    ``unanswered``: how many of them a turn ended with.
    """
    _in_vain[kind] = _in_vain[kind] + unanswered if unanswered else 0
    if _in_vain[kind] < CUT_OFF:
        return
    which: dict[str, Any] = {"kind": kind, "priority": outbox.LATER, "ahead": _AHEAD, "at_once": _AT_ONCE}
    waits: dict[str, Any] = {"first": FIRST_WAIT, "longest": LONGEST_WAIT, "most": _TRIES_TO_LONGEST}
    _execute(_PUT_OFF, which | waits)


def _execute(statement: str, values: Any) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_PLANS)
        cursor.execute(statement, values)


class Backoff(BaseRetryStrategy):
    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """None: not tried again. The task has written the reason on the row by then."""
        if is_last(exception, job.attempts):
            return None
        soon = isinstance(exception, TransportError) and exception.tried_soon
        wait = int((SOON if soon else wait_after(job.attempts)) * 1000)
        priority = later(job.priority, unanswered=is_unanswered(exception))
        return RetryDecision(retry_in={"milliseconds": wait}, priority=priority)
