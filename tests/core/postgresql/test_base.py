"""Migrations that build an index and are cut short."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.core.management import call_command
from django.db import OperationalError, connection

from tests.live import database_url

pytestmark = pytest.mark.django_db(transaction=True)

APP = "notifications"
INDEXES = """
SELECT indexrelid::regclass::text, indisvalid FROM pg_index
WHERE indrelid IN ('procrastinate_jobs'::regclass, 'notifications_dispatch'::regclass)
"""
CANCEL = """
SELECT pg_cancel_backend(pid) FROM pg_stat_progress_create_index
WHERE datname = current_database() AND phase = 'waiting for old snapshots'
"""
SECONDS = 60


@pytest.fixture(autouse=True)
def migrated() -> Iterator[None]:
    yield
    migrate_all()


def indexes() -> dict[str, bool]:
    """Their names, and whether they can be used."""
    with connection.cursor() as cursor:
        cursor.execute(INDEXES)
        return dict(cursor.fetchall())


def migrate(target: str) -> None:
    call_command("migrate", APP, target, verbosity=0)


def migrate_all() -> None:
    call_command("migrate", APP, verbosity=0)


def migrate_in_thread(target: str) -> None:
    try:
        migrate(target)
    finally:
        connection.close()


def cut_short(target: str) -> None:
    """Migrate, and cancel the building of the first index once it waits for a reader."""
    until = time.monotonic() + SECONDS
    with ThreadPoolExecutor(1) as pool, psycopg.connect(database_url()) as reader:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        reader.execute("SELECT FROM procrastinate_jobs, notifications_dispatch")
        migrating = pool.submit(migrate_in_thread, target)
        with connection.cursor() as cursor:
            while not cursor.execute(CANCEL).fetchall():
                assert time.monotonic() < until
                assert not migrating.done()
                time.sleep(0.05)
        with pytest.raises(OperationalError):
            migrating.result(SECONDS)


@pytest.mark.parametrize(
    ("before", "target", "first"),
    [  # by Django's operation, and by SQL
        ("0011_failed_dispatches", "0012_failed_dispatches_valid", "dispatch_undecided"),
        ("0012_failed_dispatches_valid", "0013_queue_believed_empty", "notifications_job_by_due"),
    ],
)
def test_an_index_that_was_cut_short_is_built_anew(before: str, target: str, first: str) -> None:
    migrate(target)
    complete = indexes()
    migrate(before)
    cut_short(target)
    assert indexes()[first] is False
    migrate(target)
    assert indexes() == complete
    assert all(complete.values())


def test_an_index_that_is_there_already_is_no_error() -> None:
    """A migration of several was cut short after its first one."""
    complete = indexes()
    migrate("0011_failed_dispatches")
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE INDEX dispatch_undecided ON notifications_dispatch (id DESC) "
            "WHERE workflow_state IN ('queued', 'running', 'failed')"
        )
    migrate_all()
    assert indexes() == complete
