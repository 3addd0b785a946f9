"""An outage of the mail server, as long as any: who is told when it is over. Nothing here makes jobs due."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from canvas_channels.core import outbox
from canvas_channels.demo.processes import dies_with_parent
from canvas_channels.demo.standins import start_smtp
from channels_api.messages import confirmations
from channels_api.models import Confirmation
from notifications.gateways import TransportError
from notifications.worker import retry
from tests import ROOT
from tests.factories import make_channel, make_user
from tests.live import database_url, free_port

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE = 60.0  # seconds, in which none comes whose usual wait is an hour
LONG = 15  # tries, after which it is
AWAY = TransportError("refused", unanswered=True)
KIND = Confirmation.job.name


@contextmanager
def working(smtp_port: int) -> Iterator[None]:
    """A worker process."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "procrastinate", "worker", "--concurrency", "2"],
        cwd=ROOT,
        env=os.environ
        | {"DATABASE_URL": database_url(), "EMAIL_URL": f"smtp://127.0.0.1:{smtp_port}"}
        | {"DEMO": "false", "PGAPPNAME": "outage"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=dies_with_parent(signal.SIGKILL),
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)
        until(lambda: not scalar("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'outage'"))


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def scalar(query: str, *arguments: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(query, arguments)
        (found,) = cursor.fetchone() or (0,)
    return int(found)


def ask(address: str) -> None:
    channel = make_channel(make_user(), address, workflow_state="unconfirmed")
    assert confirmations.resend(channel)


def waits_since_long(address: str, *, until_due: str | None = None) -> None:
    """It has been tried so often that the usual wait is an hour; ``until_due`` of it are left."""
    lock = Confirmation.job.lock(Confirmation.objects.get(address_folded=address).pk)
    query = (
        "WITH aged AS (UPDATE procrastinate_jobs SET attempts = %s, "
        "scheduled_at = coalesce(now() + %s::interval, scheduled_at) "
        "WHERE lock = %s AND status = 'todo' AND attempts > 0 RETURNING 1) SELECT count(*) FROM aged"
    )
    until(lambda: scalar(query, LONG, until_due, lock) == 1)


def failures() -> int:
    return scalar("SELECT count(*) FROM procrastinate_events WHERE type = 'deferred_for_retry'")


def test_once_the_server_is_back_all_are_sent_that_somebody_waits_for() -> None:
    port, received = free_port(), list[dict[str, str]]()
    others = [f"person{number}@example.edu" for number in range(3)]
    with working(port):
        for address in others:
            ask(address)
            waits_since_long(address, until_due="1 hour")
        ask("last@example.edu")
        waits_since_long("last@example.edu")
        before = failures()
        until(lambda: failures() > before + 1)  # it is tried again and again
        server = start_smtp(port, received.append)
        until(lambda: len(received) == 1 + len(others))
        until(lambda: Confirmation.objects.filter(workflow_state="sent").count() == 1 + len(others))
    server.stop()
    assert {mail["to"] for mail in received} == {"last@example.edu", *others}


def test_a_try_that_comes_soon_uses_up_none_of_the_usual_ones() -> None:
    """But for one in as many as make up the usual wait."""
    tries = sum(retry.counts(LONG) for _ in range(2000))
    assert tries < 200  # about two


def test_one_of_a_kind_is_tried_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "_soon", retry._Every())
    kinds = [KIND, KIND, "another", "another"]
    assert [retry.is_tried_soon(kind, AWAY, outbox.FIRST) for kind in kinds] == [True, False, True, False]


@pytest.mark.parametrize(
    ("error", "priority"),
    [
        (AWAY, outbox.BULK),
        (AWAY, outbox.LATER),
        (OSError(), outbox.FIRST),
        (TransportError("451"), outbox.FIRST),
        (TransportError("535", ours=True, unanswered=True), outbox.FIRST),
    ],
)
def test_what_finds_out_nothing_or_is_no_hurry_waits_as_usual(
    error: Exception, priority: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "_soon", retry._Every())
    assert not retry.is_tried_soon(KIND, error, priority)


def test_only_those_are_brought_forward_that_nobody_answered_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "_forward", retry._Every())
    waiting = [
        (kind, priority) for priority in (outbox.UNREACHED, outbox.TRIED) for kind in (KIND, "another")
    ]
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO procrastinate_jobs (task_name, queue_name, priority, scheduled_at) "
            "VALUES (%s, 'default', %s, now() + interval '1 hour')",
            waiting,
        )
        retry.bring_forward(KIND)
        cursor.execute("SELECT priority, task_name FROM procrastinate_jobs WHERE scheduled_at <= now()")
        assert cursor.fetchall() == [(outbox.UNREACHED, KIND)]


def test_what_somebody_waits_for_comes_before_a_bulk_that_was_never_tried() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_jobs (task_name, queue_name, priority) "
            "SELECT 'bulk', 'default', %s FROM generate_series(1, 100)",
            [outbox.BULK],
        )
        for priority in (outbox.TRIED, outbox.UNREACHED):
            cursor.execute(
                "INSERT INTO procrastinate_jobs (task_name, queue_name, priority, scheduled_at) "
                "VALUES ('person', 'default', %s, now())",
                [priority],
            )
        cursor.execute("SELECT priority FROM procrastinate_fetch_job_v2(NULL, NULL)")
        assert cursor.fetchone() == (outbox.UNREACHED,)
        cursor.execute("SELECT priority FROM procrastinate_fetch_job_v2(NULL, NULL)")
        assert cursor.fetchone() == (outbox.TRIED,)
