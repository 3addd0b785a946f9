"""A worker while its database is away, read-only, or behind a long queue."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from canvas_channels.core import outbox
from canvas_channels.demo.processes import dies_with_parent, end
from tests import ROOT
from tests.outages.conftest import Service
from tests.outages.test_answers import shut_down, stopped

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

WAITING = 20_000
BACK_SECONDS = 30.0  # 13 at most, and what a busy machine takes besides


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The worker's."""
    return tmp_path / "log"


@contextmanager
def working(service: Service, log: Path) -> Iterator["subprocess.Popen[Any]"]:
    """A worker, which does one job at a time."""
    command = ["procrastinate", "worker", "--concurrency", "1", "--fetch-job-polling-interval", "1"]
    with log.open("wb") as output:
        started = subprocess.Popen(
            [sys.executable, "manage.py", *command],
            cwd=ROOT,
            env=os.environ | {"DATABASE_URL": service.postgres.url(), "DEMO": "false"},
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=dies_with_parent(signal.SIGKILL),
        )
    try:
        yield started
    finally:
        end([started], grace=10)


@pytest.fixture
def worker(service: Service, log: Path) -> Iterator["subprocess.Popen[Any]"]:
    """One that has begun."""
    with working(service, log) as started:
        do_a_job(service, within=60)
        yield started


@contextmanager
def read_only(service: Service) -> Iterator[None]:
    end_sessions = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    with service.connect() as admin:
        admin.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        admin.execute("SELECT pg_reload_conf()")
        admin.execute(f"{end_sessions} AND backend_type = 'client backend'")
        try:
            yield
        finally:
            admin.execute("SET default_transaction_read_only = off")
            admin.execute("ALTER SYSTEM RESET default_transaction_read_only")
            admin.execute("SELECT pg_reload_conf()")


def do_a_job(service: Service, within: float) -> None:
    """Ask for one, and wait until it is done."""
    wait_for_job(service, ask_for_job(service, "remove_finished"), "succeeded", within)


def ask_for_job(service: Service, task: str) -> int:
    """Returns its id."""
    with service.connect() as asking:
        asked = asking.execute(
            "INSERT INTO procrastinate_jobs (task_name, queue_name, args) "
            "VALUES (%s, 'default', '{\"timestamp\": 0}') RETURNING id",
            [f"notifications.{task}"],
        ).fetchone()
    assert asked
    return int(str(asked[0]))


def wait_for_job(service: Service, job_id: int, status: str, within: float) -> None:
    deadline = time.monotonic() + within
    query = "SELECT status::text FROM procrastinate_jobs WHERE id = %s"
    with service.connect() as asking:
        while asking.execute(query, [job_id]).fetchone() != (status,):
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_it_works_soon_after_an_outage(service: Service, worker: "subprocess.Popen[Any]") -> None:
    with shut_down(service):
        time.sleep(10)  # as long as it takes for waits that double to be long
    do_a_job(service, within=BACK_SECONDS)
    assert worker.poll() is None


def test_it_outlives_a_read_only_database(service: Service, worker: "subprocess.Popen[Any]") -> None:
    with read_only(service):
        time.sleep(5)
        assert worker.poll() is None
    time.sleep(0.5)
    do_a_job(service, within=BACK_SECONDS)
    assert worker.poll() is None


def test_it_starts_on_a_read_only_one(service: Service, log: Path) -> None:
    with ExitStack() as stack:
        with read_only(service):
            worker = stack.enter_context(working(service, log))
            deadline = time.monotonic() + 2 * BACK_SECONDS
            while log.read_text().count("worker_cut_off") < 2:
                assert time.monotonic() < deadline
                assert worker.poll() is None
                time.sleep(0.1)
        do_a_job(service, within=BACK_SECONDS)
        assert worker.poll() is None


def test_a_dead_workers_job_comes_back_before_a_long_queue_is_done(service: Service, log: Path) -> None:
    with service.connect() as asking:
        dead = asking.execute(
            "INSERT INTO procrastinate_jobs (task_name, queue_name, args, status) "
            "VALUES ('notifications.remove_finished', 'default', '{\"timestamp\": 0}', 'doing') RETURNING id"
        ).fetchone()
        assert dead
        asking.execute(
            "INSERT INTO procrastinate_jobs (task_name, queue_name, args) "
            "SELECT 'notifications.forget_bodies', 'default', '{\"timestamp\": 0}' "
            "FROM generate_series(1, %s)",
            [WAITING],
        )
        asking.execute(
            "INSERT INTO procrastinate_jobs (task_name, queue_name, args, priority) "
            "VALUES ('notifications.retry_stalled', 'default', '{\"timestamp\": 0}', %s)",
            [outbox.PERIODIC],
        )
        with working(service, log):
            wait_for_job(service, int(str(dead[0])), "succeeded", within=2 * BACK_SECONDS)
            waiting = "SELECT count(*) > %s FROM procrastinate_jobs WHERE status = 'todo'"
            assert asking.execute(waiting, [WAITING // 2]).fetchone() == (True,)
        asking.execute("DELETE FROM procrastinate_jobs")


def test_it_waits_for_no_frozen_database(
    service: Service, worker: "subprocess.Popen[Any]", log: Path
) -> None:
    """Nor does the job that it does, which waits there for somebody's lock."""
    with service.connect() as holder, holder.transaction():
        holder.execute("LOCK TABLE notifications_webhookevent IN ACCESS EXCLUSIVE MODE")
        wait_for_job(service, ask_for_job(service, "prune"), "doing", within=BACK_SECONDS)
        with stopped(service):
            deadline = time.monotonic() + 2 * BACK_SECONDS
            while "worker_cut_off" not in log.read_text():
                assert time.monotonic() < deadline
                time.sleep(0.1)
    do_a_job(service, within=2 * BACK_SECONDS)  # the lost one may come back first, which the lock would hold
    assert worker.poll() is None


def test_it_starts_while_the_database_does(service: Service, log: Path) -> None:
    with ExitStack() as stack:
        with shut_down(service):
            worker = stack.enter_context(working(service, log))
            time.sleep(8)  # it needs some to start, and the pool's own tries would be over
        do_a_job(service, within=BACK_SECONDS)
        assert worker.poll() is None
