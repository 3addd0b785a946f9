"""When a failed delivery is tried again: growing waits with jitter, within a stated bound."""

import random

from procrastinate import BaseRetryStrategy, RetryDecision
from procrastinate.jobs import Job

from canvas_channels.core import outbox
from notifications.gateways import TransportError

FIRST_WAIT = 5.0  # seconds
LONGEST_WAIT = 3600.0  # seconds
MAX_TRIES = 40  # with these waits the last is 16 to 31 hours after the first


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


class Backoff(BaseRetryStrategy):
    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """None: not tried again. The task has written the reason on the row by then.

        A job that waits is never ahead of what was asked for meanwhile, and keeps its place among those that
        wait.
        """
        if is_last(exception, job.attempts):
            return None
        wait = int(wait_after(job.attempts) * 1000)
        return RetryDecision(retry_in={"milliseconds": wait}, priority=_later(job.priority))


def _later(priority: int) -> int:
    """Below all priorities of first tries; those that are there already keep theirs."""
    return priority if priority <= outbox.LATER else outbox.LATER + min(priority, outbox.FIRST)
