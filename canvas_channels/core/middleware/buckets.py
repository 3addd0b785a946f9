"""Leaky buckets: what the throttle counts in, one for each client.

A bucket's level falls by ``THROTTLE_OUTFLOW`` a second. A request reserves its up-front cost, is refused
where that would reach the high-water mark, and at its end gives back what it did not cost. That is
Canvas's ``RequestThrottle::LeakyBucket``; it needs fractions, and amounts below zero.

No library has it: ``throttled-py``'s leaking bucket counts in whole units and whole seconds and never goes
down but by time; ``pyrate-limiter`` keeps a log of whole items; ``limits`` has windows only.
"""

import logging
import time
from collections import OrderedDict
from functools import cache
from threading import Lock
from typing import Any, Protocol

from django.conf import settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

logger = logging.getLogger(__name__)

NO_MARK = 1e300
MOST_BUCKETS = 10_000  # a process keeps no more, and forgets those that were idle longest
REDIS_TIMEOUT = 0.1  # seconds, to connect and for an answer
REDIS_PAUSE = 5.0  # seconds without a try after a failure

# Atomic, and on Redis's own clock, so that those of the web machines may differ.
ADD = """
local outflow, maximum = tonumber(ARGV[3]), tonumber(ARGV[4])
local amount, mark = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local kept = redis.call('HMGET', KEYS[1], 'level', 'since')
local since = tonumber(kept[2]) or now
local level = math.max(0, (tonumber(kept[1]) or 0) - math.max(0, now - since) * outflow)
if level + amount >= mark then
    return {0, string.format('%.6f', level)}
end
level = math.min(math.max(level + amount, 0), maximum)
redis.call('HSET', KEYS[1], 'level', string.format('%.6f', level), 'since', string.format('%.6f', now))
redis.call('EXPIRE', KEYS[1], math.ceil(level / outflow) + 1)
return {1, string.format('%.6f', level)}
"""


class Buckets(Protocol):
    def add(
        self, key: str, amount: float, mark: float = NO_MARK, outflow: float | None = None
    ) -> tuple[bool, float]:
        """Add ``amount``, unless the level would reach ``mark``. Whether it was added, and the level now.

        ``outflow`` None: the throttle's.
        """


class ProcessBuckets:
    """Kept in this process, for those that have no Redis, or while theirs is away."""

    def __init__(self) -> None:
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = Lock()

    def add(
        self, key: str, amount: float, mark: float = NO_MARK, outflow: float | None = None
    ) -> tuple[bool, float]:
        now = time.monotonic()
        with self._lock:
            level, since = self._levels.get(key, (0.0, now))
            level = max(0.0, level - (now - since) * (outflow or settings.THROTTLE_OUTFLOW))
            if level + amount >= mark:
                return False, level
            level = min(max(level + amount, 0.0), settings.THROTTLE_MAXIMUM)
            self._levels[key] = level, now
            self._levels.move_to_end(key)
            if len(self._levels) > MOST_BUCKETS:
                self._levels.popitem(last=False)
            return True, level


class RedisBuckets:
    """Shared by all processes. While Redis is away each counts for itself, and no request waits for it.

    After a failure one request in ``REDIS_PAUSE`` seconds tries again, for ``REDIS_TIMEOUT`` at most.
    """

    def __init__(self, url: str) -> None:
        client: Redis = Redis.from_url(
            url,
            socket_timeout=REDIS_TIMEOUT,
            socket_connect_timeout=REDIS_TIMEOUT,
            retry=Retry(NoBackoff(), 0),
        )
        self._add: Any = client.register_script(ADD)
        self._own = ProcessBuckets()
        self._away_until: float | None = None  # None: it answered last time

    def add(
        self, key: str, amount: float, mark: float = NO_MARK, outflow: float | None = None
    ) -> tuple[bool, float]:
        if self._away_until is not None:
            now = time.monotonic()
            if now < self._away_until:
                return self._own.add(key, amount, mark, outflow)
            self._away_until = now + REDIS_PAUSE  # the others do not wait for this try
        try:
            leak = outflow or settings.THROTTLE_OUTFLOW
            arguments = [amount, mark, leak, settings.THROTTLE_MAXIMUM]
            added, level = self._add(keys=[f"throttle:{key}"], args=arguments)
        except RedisError as error:
            if self._away_until is None:
                logger.warning("throttle without Redis", extra={"reason": type(error).__name__})
            self._away_until = time.monotonic() + REDIS_PAUSE
            return self._own.add(key, amount, mark, outflow)
        if self._away_until is not None:
            logger.info("throttle with Redis again")
            self._away_until = None
        return bool(added), float(level)


@cache
def buckets_at(url: str, use: str = "throttle") -> Buckets:
    """The process's buckets: those at a Redis URL, or its own where that is empty.

    Each ``use`` has ``MOST_BUCKETS`` of its own: made-up tokens, a bucket each, must not make a process
    forget who asked for too many passwords.
    """
    return RedisBuckets(url) if url else ProcessBuckets()
