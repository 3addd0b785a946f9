"""Whether this process can answer requests, and if not, why."""

from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor

from canvas_channels.core import outages
from canvas_channels.operations import queue

READ_ONLY = "database: read-only"
DISK_FULL = "database: disk full"

_migrated = False  # once they are applied they stay so, and looking takes 0.1 s


def problems() -> list[str]:
    """One line each. Lists are served whatever changes are refused for: see :func:`is_ready`.

    A slow queue is one only from ``READY_QUEUE_SECONDS`` on, if that is set at all: it is no fault of the
    web processes, and a load balancer that took all of them away would make an outage of a delay.
    """
    try:
        missing = _missing_migrations()
        if missing:
            return [f"migrations: not applied: {', '.join(missing)}"]
        found = [READ_ONLY] if _is_read_only() else []
        found += [DISK_FULL] if outages.disk_is_full() else []
        behind = queue.read().seconds_behind
    except Error as error:
        return [f"database: {type(error).__name__}"]
    if 0 < settings.READY_QUEUE_SECONDS < behind:
        found.append(f"queue: the oldest job has been due for {behind:.0f} s")
    return found


def is_ready(found: list[str]) -> bool:
    return set(found) <= {READ_ONLY, DISK_FULL}


def _missing_migrations() -> list[str]:
    """Those that this code has and the database has not."""
    global _migrated
    if _migrated:
        return []
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    _migrated = not plan
    return [f"{migration.app_label}.{migration.name}" for migration, _backwards in plan]


def _is_read_only() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SHOW transaction_read_only")
        return bool(cursor.fetchone() == ("on",))
