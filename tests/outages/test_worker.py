"""A worker while its database is away, read-only, or right about the time."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import procrastinate.manager
import pytest
from django.db import connection
from procrastinate.utils import utcnow

from canvas_channels.demo.processes import dies_with_parent, end
from notifications.worker import process
from tests import ROOT
from tests.notifications.services import worker_connector
from tests.outages.conftest import Service
from tests.outages.test_answers import shut_down

pytestmark = pytest.mark.django_db(transaction=True)

BACK_SECONDS = 30.0  # 13 at most, and what a busy machine takes besides


@pytest.fixture
def worker(service: Service, tmp_path: Path) -> Iterator["subprocess.Popen[Any]"]:
    with (tmp_path / "log").open("wb") as log:
        started = subprocess.Popen(
            [sys.executable, "manage.py", "procrastinate", "worker", "--fetch-job-polling-interval", "1"],
            cwd=ROOT,
            env=os.environ | {"DATABASE_URL": service.postgres.url(), "DEMO": "false"},
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=dies_with_parent(signal.SIGKILL),
        )
    try:
        do_a_job(service, within=60)
        yield started
    finally:
        end([started], grace=10)


def do_a_job(service: Service, within: float) -> None:
    """Ask for one, and wait until it is done."""
    with service.connect() as asking:
        asked = asking.execute(
            "INSERT INTO procrastinate_jobs (task_name, queue_name, args) "
            "VALUES ('notifications.remove_finished', 'default', '{\"timestamp\": 0}') RETURNING id"
        ).fetchone()
        assert asked
        deadline = time.monotonic() + within
        done = "SELECT status::text FROM procrastinate_jobs WHERE id = %s"
        while asking.execute(done, asked).fetchone() != ("succeeded",):
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_it_works_soon_after_an_outage(service: Service, worker: "subprocess.Popen[Any]") -> None:
    with shut_down(service):
        time.sleep(10)  # as long as it takes for waits that double to be long
    do_a_job(service, within=BACK_SECONDS)
    assert worker.poll() is None


def test_it_outlives_a_read_only_database(service: Service, worker: "subprocess.Popen[Any]") -> None:
    end_sessions = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    with service.connect() as admin:
        admin.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        admin.execute("SELECT pg_reload_conf()")
        admin.execute(f"{end_sessions} AND backend_type = 'client backend'")
        time.sleep(5)
        assert worker.poll() is None
        admin.execute("SET default_transaction_read_only = off")
        admin.execute("ALTER SYSTEM RESET default_transaction_read_only")
        admin.execute("SELECT pg_reload_conf()")
    time.sleep(0.5)
    do_a_job(service, within=BACK_SECONDS)
    assert worker.poll() is None


@pytest.mark.parametrize("hours", [-3, 3])
def test_the_next_try_is_due_by_the_databases_clock(monkeypatch: pytest.MonkeyPatch, hours: int) -> None:
    def wrong() -> Any:
        return utcnow() + timedelta(hours=hours)

    monkeypatch.setattr(process, "utcnow", wrong)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_jobs (task_name, queue_name, status) "
            "VALUES ('x', 'default', 'doing') RETURNING id"
        )
        [job_id] = cursor.fetchone()

    async def retry() -> None:
        connector = worker_connector()
        await connector.open_async()
        try:
            manager = procrastinate.manager.JobManager(connector)
            await manager.retry_job_by_id_async(job_id, retry_at=wrong() + timedelta(seconds=60))
        finally:
            await connector.close_async()

    asyncio.run(retry())
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM scheduled_at - now()) FROM procrastinate_jobs")
        assert 30 < cursor.fetchone()[0] <= 60
