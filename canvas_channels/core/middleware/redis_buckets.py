"""Leaky buckets in Redis, which all web processes share (``REDIS_URL``)."""

import logging
import time
from contextlib import suppress
from functools import cache
from threading import Lock, Thread
from typing import Any

from django.conf import settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from canvas_channels.core.middleware.process_buckets import NO_MARK, ProcessBuckets

logger = logging.getLogger(__name__)

REDIS_TIMEOUT = 0.1  # seconds, to connect and for an answer
REDIS_PAUSE = 5.0  # seconds between tries whether it answers again

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


class Server:
    """A Redis, as a process knows it: whatever is counted there, it is away for all."""

    def __init__(self, url: str) -> None:
        self._client: Redis = Redis.from_url(
            url,
            socket_timeout=REDIS_TIMEOUT,
            socket_connect_timeout=REDIS_TIMEOUT,
            retry=Retry(NoBackoff(), 0),
        )
        self.add: Any = self._client.register_script(ADD)
        self.is_away = False
        self._lock = Lock()

    def lost(self, error: RedisError) -> None:
        """Leave it alone until a thread has found out that it answers again: no request waits for that."""
        with self._lock:
            if self.is_away:
                return
            self.is_away = True
        logger.warning("throttle without Redis", extra={"reason": type(error).__name__})
        Thread(target=self._find_again, name="redis", daemon=True).start()

    def _find_again(self) -> None:
        while self.is_away:
            time.sleep(REDIS_PAUSE)
            with suppress(RedisError):
                self._client.ping()
                self.is_away = False
        logger.info("throttle with Redis again")


_server_at = cache(Server)


class RedisBuckets:
    """Shared by all processes. While Redis is away each counts for itself.

    A request that finds it away waits for ``REDIS_TIMEOUT``; none does from then on.
    """

    def __init__(self, url: str) -> None:
        self._server = _server_at(url)
        self._own = ProcessBuckets()

    def add(
        self, key: str, amount: float, mark: float = NO_MARK, outflow: float | None = None
    ) -> tuple[bool, float]:
        if not self._server.is_away:
            leak = outflow or settings.THROTTLE_OUTFLOW
            arguments = [amount, mark, leak, settings.THROTTLE_MAXIMUM]
            try:
                added, level = self._server.add(keys=[f"throttle:{key}"], args=arguments)
                return bool(added), float(level)
            except RedisError as error:
                self._server.lost(error)
        return self._own.add(key, amount, mark, outflow)
