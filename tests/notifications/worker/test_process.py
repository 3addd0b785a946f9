"""A worker process whose database goes away under it."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from procrastinate.exceptions import ConnectorException

from canvas_channels.demo.processes import dies_with_parent, end
from notifications.tasks import remove_finished
from notifications.worker.process import WorkerConnector
from tests import ROOT
from tests.live import database_url
from tests.notifications.services import worker_connector

pytestmark = pytest.mark.django_db(transaction=True)

OTHERS = "datname = current_database() AND pid <> pg_backend_pid()"


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen[bytes](
            [sys.executable, "manage.py", "procrastinate", "worker"],
            cwd=ROOT,
            env=os.environ | {"DATABASE_URL": database_url()},
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=dies_with_parent(signal.SIGKILL),
        )
    yield process
    end([process], grace=10)
    wait_until("SELECT count(*) = 0 FROM pg_stat_activity WHERE " + OTHERS)


def wait_until(query: str) -> None:
    deadline = time.monotonic() + 40
    with connection.cursor() as cursor:
        while cursor.execute(query).fetchone() != (True,):
            assert time.monotonic() < deadline, query
            time.sleep(0.1)


def wait_for_finished(count: int) -> None:
    wait_until(
        f"SELECT count(*) = {count} FROM procrastinate_jobs WHERE status = 'succeeded' AND lock = 'mine'"
    )


def test_it_goes_on_when_its_connections_are_cut(worker: subprocess.Popen[bytes]) -> None:
    job = remove_finished.configure(lock="mine", queueing_lock="mine")
    job.defer(timestamp=0)
    wait_for_finished(1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE " + OTHERS)
    job.defer(timestamp=0)
    wait_for_finished(2)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0
    # A periodic job that was under way when they were cut comes back as a dead worker's.
    wait_until("SELECT count(*) = 0 FROM procrastinate_jobs WHERE status = 'doing' AND lock = 'mine'")


def test_it_goes_on_where_another_took_it_for_dead(worker: subprocess.Popen[bytes]) -> None:
    job = remove_finished.configure(lock="mine", queueing_lock="mine")
    job.defer(timestamp=0)
    wait_for_finished(1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM procrastinate_prune_stalled_workers_v1(-1)")
        assert len(cursor.fetchall()) == 1
    job.defer(timestamp=0)
    wait_for_finished(2)
    assert worker.poll() is None


@pytest.mark.parametrize(
    ("statement", "lost"), [("SELECT pg_terminate_backend(pg_backend_pid())", True), ("SELECT 1 / 0", False)]
)
def test_only_a_lost_connection_counts_as_lost(statement: str, lost: bool) -> None:
    connector = worker_connector()
    assert isinstance(connector, WorkerConnector)

    async def execute() -> None:
        await connector.open_async()
        try:
            with pytest.raises(ConnectorException):
                await connector.execute_query_async(statement)
        finally:
            await connector.close_async()

    asyncio.run(execute())
    assert connector.lost.is_set() is lost
