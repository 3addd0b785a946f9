"""The queue stays quick where PostgreSQL believes that it is empty: each statement reads what it needs."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from canvas_channels.core import outbox
from notifications.worker import retry
from notifications.worker.turns import CUT_OFF

pytestmark = pytest.mark.django_db

WAITING = 10_000
FEW = 3_000  # rows; a thousand, which a statement brings forward or puts off, are found, locked and written
KIND = "bulk"
FETCH = "SELECT id FROM procrastinate_fetch_job_v2(NULL, %s)"
TAKE = "SELECT count(*) FROM notifications_take_jobs(%s, 50)"
READ = (
    "SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) "
    "FROM pg_stat_xact_user_tables WHERE relname = 'procrastinate_jobs'"
)


def scalar(query: str, *values: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        row = cursor.fetchone()
    return int(row[0]) if row and row[0] is not None else 0


@pytest.fixture
def worker() -> int:
    return scalar("SELECT * FROM procrastinate_register_worker_v1()")


def fill(priority: int = outbox.LATER, due: str = "0") -> list[int]:
    """The jobs' ids, each of a row's of its own."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_jobs (task_name, queue_name, lock, priority, scheduled_at) "
            "SELECT %s, 'default', 'row:' || n, %s, now() + %s::interval FROM generate_series(1, %s) AS n "
            "RETURNING id",
            [KIND, priority, due, WAITING],
        )
        return [job_id for (job_id,) in cursor.fetchall()]


@pytest.fixture
def believed_empty(worker: int) -> None:
    """A queue whose indexes are large, found empty by ANALYZE, and its statements planned meanwhile."""
    fill()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
        cursor.execute("ANALYZE procrastinate_jobs")
        cursor.execute("SELECT reltuples FROM pg_class WHERE relname = 'procrastinate_jobs'")
        assert cursor.fetchone() == (0.0,)
    for _ in range(10):  # PostgreSQL keeps a plan after the fifth
        scalar(TAKE, scalar(FETCH, worker))
        retry._execute(retry._BRING_FORWARD, [outbox.UNREACHED, KIND, 1])


@pytest.mark.usefixtures("believed_empty")
@pytest.mark.parametrize(("priority", "due"), [(outbox.LATER, "0"), (outbox.UNREACHED, "1 hour")])
def test_no_statement_reads_all_that_waits(
    worker: int, priority: int, due: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = fill(priority, due)
    for every in ("_soon", "_forward"):
        monkeypatch.setattr(retry, every, retry._Every())
    statements: dict[str, Callable[[], object]] = {
        "is waiting": lambda: outbox.is_waiting("row:7"),
        "cancel": lambda: scalar(f"WITH ended AS ({outbox._CANCEL} RETURNING 1) SELECT 1", ["row:7"]),
        "bring some forward": lambda: outbox.bring_forward(ids[7:9]),
        "fetch": lambda: scalar(FETCH, worker),
        "fetch and take": lambda: scalar(TAKE, scalar(FETCH, worker)),
        "bring a kind forward": lambda: retry.bring_forward(KIND),
        "put off": lambda: retry.put_off(KIND, CUT_OFF),
    }
    read: dict[str, int] = {}
    for name, ask in statements.items():
        before = scalar(READ)
        ask()
        read[name] = scalar(READ) - before
    assert {name: rows for name, rows in read.items() if rows > FEW} == {}, read


@pytest.mark.usefixtures("believed_empty")
def test_they_find_what_they_look_for(worker: int) -> None:
    ids = fill()
    assert outbox.is_waiting("row:7")
    assert not outbox.is_waiting("row:0")
    assert scalar(FETCH, worker) == ids[0]
    assert scalar(TAKE, ids[0]) == 50
    assert outbox.bring_forward([ids[0], ids[100]]) == 1  # the first is no longer waiting


def test_a_worker_that_was_taken_for_dead_takes_none_along(worker: int) -> None:
    """They would be done again, at once, as a dead worker's."""
    fill()
    first = scalar(FETCH, worker)
    scalar("SELECT count(*) FROM procrastinate_prune_stalled_workers_v1(-1)")
    assert scalar(TAKE, first) == 0
