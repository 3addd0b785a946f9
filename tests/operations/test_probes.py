"""What load balancers ask."""

import time

import pytest
from django.db import OperationalError, connection
from django.test import Client
from procrastinate.contrib.django import app
from psycopg import errors
from pytest_django import Settings

from canvas_channels.core import outages
from canvas_channels.operations import queue, readiness

pytestmark = pytest.mark.django_db(transaction=True)

TASK = "notifications.send_confirmation"


def make_job(task: str = TASK, seconds_ago: float = 0) -> None:
    app.configure_task(task).defer(confirmation_id=0)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_events SET at = now() - make_interval(secs => %s) "
            "WHERE job_id = (SELECT max(id) FROM procrastinate_jobs)",
            [seconds_ago],
        )


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_answer_whatever_their_host(path: str) -> None:
    answer = Client().get(path, headers={"host": "10.1.2.3:8000"})
    assert answer.status_code == 200
    assert "no-store" in answer.headers["Cache-Control"]


def test_alive_asks_no_database(django_assert_num_queries) -> None:
    with django_assert_num_queries(0):
        Client().get("/healthz")


def test_a_database_that_is_away_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OperationalError("password=secret")

    monkeypatch.setattr(connection, "cursor", fail)
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"ready": False, "problems": ["database: OperationalError"]}


def test_a_disk_that_is_full_is_named_for_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    error = OperationalError("could not extend file")
    error.__cause__ = errors.DiskFull()
    monkeypatch.setattr(outages, "_disk_full_at", None)  # and forgotten in the end
    assert outages.reported(error)
    ready = Client().get("/readyz")
    assert (ready.status_code, ready.json()["problems"]) == (200, ["database: disk full"])
    monkeypatch.setattr(outages, "_disk_full_at", time.monotonic() - 60)
    assert Client().get("/readyz").json()["problems"] == []


def test_a_migration_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "_migrated", False)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE django_migrations SET app = 'x' WHERE app = 'sessions'")
    try:
        answer = Client().get("/readyz")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE django_migrations SET app = 'sessions' WHERE app = 'x'")
    assert answer.status_code == 503
    assert answer.json()["problems"] == ["migrations: not applied: sessions.0001_initial"]
    assert Client().get("/readyz").status_code == 200


@pytest.mark.parametrize(("limit", "status"), [(0, 200), (60, 503), (600, 200)])
def test_a_slow_queue_counts_only_where_it_is_said_to(settings: Settings, limit: float, status: int) -> None:
    settings.READY_QUEUE_SECONDS = limit
    make_job(seconds_ago=300)
    answer = Client().get("/readyz")
    assert answer.status_code == status
    assert answer.json()["problems"] == ["queue: the oldest job has been due for 300 s"][: status == 503]


def test_jobs_for_later_are_not_behind() -> None:
    app.configure_task(TASK, schedule_in={"hours": 1}).defer(confirmation_id=0)
    read = queue.read()
    assert [(jobs.task, jobs.state, jobs.jobs) for jobs in read.unfinished] == [(TASK, "later", 1)]
    assert read.seconds_behind == 0


def test_the_queue_is_read_by_the_index_over_what_did_not_end() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_jobs (task_name, queue_name, status) "
            "SELECT 'x', 'default', 'succeeded' FROM generate_series(1, 20000)"
        )
        make_job()
        cursor.execute("ANALYZE procrastinate_jobs")
        cursor.execute(f"EXPLAIN {queue._JOBS}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Seq Scan on procrastinate_jobs" not in plan
    assert "Index" in plan
