"""Leaky buckets in a process's memory."""

import time
from collections import OrderedDict
from threading import Lock

from django.conf import settings

NO_MARK = 1e300
MOST_BUCKETS = 10_000  # a process keeps no more, and forgets those that were idle longest


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
