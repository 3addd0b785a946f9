"""Leaky buckets: what the throttle counts in, one for each client.

A bucket's level falls by ``THROTTLE_OUTFLOW`` a second. A request reserves its up-front cost, is refused
where that would reach the high-water mark, and at its end gives back what it did not cost. That is
Canvas's ``RequestThrottle::LeakyBucket``; it needs fractions, and amounts below zero.

No library has it: ``throttled-py``'s leaking bucket counts in whole units and whole seconds and never goes
down but by time; ``pyrate-limiter`` keeps a log of whole items; ``limits`` has windows only.
"""

from functools import cache
from typing import Protocol

from canvas_channels.core.late import late
from canvas_channels.core.middleware.process_buckets import NO_MARK, ProcessBuckets

_redis_buckets = late("canvas_channels.core.middleware.redis_buckets.RedisBuckets")


class Buckets(Protocol):
    def add(
        self, key: str, amount: float, mark: float = NO_MARK, outflow: float | None = None
    ) -> tuple[bool, float]:
        """Add ``amount``, unless the level would reach ``mark``. Whether it was added, and the level now.

        ``outflow`` None: the throttle's.
        """


@cache
def buckets_at(url: str, use: str = "throttle") -> Buckets:
    """The process's buckets: those at a Redis URL, or its own where that is empty.

    Each ``use`` has ``MOST_BUCKETS`` of its own: made-up tokens, a bucket each, must not make a process
    forget who asked for too many passwords.
    """
    return _redis_buckets(url) if url else ProcessBuckets()
