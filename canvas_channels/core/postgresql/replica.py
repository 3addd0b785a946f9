"""Reading from a replica (``DATABASE_REPLICA_URL``) what may be a little old, but for what one knows of.

Which changes there were of late is read with the caller's token, from the primary. A statement on the replica
tells beside its rows, and as of the same moment, whether it has them all, and how far behind it is. Where it
has not, or does not answer, the primary is asked.
"""

import math
import threading
import time
from datetime import timedelta
from typing import Any, cast

from django.conf import settings
from django.db import Error, connections
from django.db.models import FloatField, Func

from canvas_channels.core.postgresql.trips import Query, Row

ALIAS = "replica"
AWAY_SECONDS = 5.0  # for which one that failed, or was too far behind, is not asked again
# Of what is in no audit trail. Workers write every ten seconds, so one that is up to date has news as often.
MOST_BEHIND = 30.0  # seconds
RECENT = timedelta(minutes=10)  # a replica has all changes from before, even if clocks are minutes off


class SecondsBehind(Func):
    """How old the last change is that the replica has; NULL on a primary."""

    template = "extract(epoch FROM now() - pg_last_xact_replay_timestamp())::float"
    output_field = FloatField()


class _Availability:
    """One that failed is tried again by one request at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._again_at = -math.inf

    def begin(self) -> bool:
        with self._lock:
            now = time.monotonic()
            may = now >= self._again_at
            if may and self._again_at != -math.inf:
                self._again_at = now + AWAY_SECONDS
            return may

    def end(self, *, good: bool) -> None:
        with self._lock:
            self._again_at = -math.inf if good else time.monotonic() + AWAY_SECONDS


_availability = _Availability()


def is_configured() -> bool:
    return ALIAS in settings.DATABASES


def ask(query: Query) -> list[Row] | None:
    """A statement's rows but for two last columns: :class:`SecondsBehind`, and whether all is there.

    None where the primary is to be asked: the replica is away, or behind, or knows of no row.
    """
    if not _availability.begin():
        return None
    connection: Any = connections[ALIAS]
    try:
        with connection.cursor() as cursor:
            cursor.execute(*query)
            rows = cast("list[Row]", cursor.fetchall())
    except Error:
        connection.close()
        _availability.end(good=False)
        return None
    if not rows:
        return None
    behind, is_there = rows[0][-2:]
    good = is_current(behind)
    _availability.end(good=good)
    return [row[:-2] for row in rows] if good and is_there else None


def is_current(seconds_behind: float | None) -> bool:
    """Either clock may be ahead; None: it is a primary, perhaps one that took over."""
    return seconds_behind is not None and abs(seconds_behind) <= MOST_BEHIND
