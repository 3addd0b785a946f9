"""SIGTERM: what has begun is done, nothing else begins."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from aiosmtpd.controller import Controller
from django.db import connection, transaction
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from canvas_channels.core.identity.models import User
from canvas_channels.demo.processes import dies_with_parent
from channels_api.messages import confirmations
from channels_api.models import CommunicationChannel
from notifications import tasks
from tests import ROOT
from tests.factories import make_channel, make_token, make_user
from tests.live import database_url, free_port, serve

pytestmark = pytest.mark.django_db(transaction=True)

SECONDS = 30
NEW = {"communication_channel[type]": "email", "communication_channel[address]": "n@example.edu"}


def wait_for(found: Callable[[], Any]) -> None:
    deadline = time.monotonic() + SECONDS
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def someone_waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return cursor.fetchone() != (0,)


def test_a_request_in_flight_is_answered(tmp_path: Path) -> None:
    user = make_user()
    headers = {"Authorization": f"Bearer {make_token(user)}"}
    with serve(tmp_path / "log") as server, ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            User.objects.select_for_update().get(pk=user.pk)
            answer = pool.submit(requests.post, server.channels(), NEW, headers=headers, timeout=SECONDS)
            wait_for(someone_waits_for_a_lock)
            os.kill(server.process.pid, signal.SIGTERM)
            time.sleep(0.5)  # it has heard, and must not have ended for that
            assert server.process.poll() is None
        assert answer.result().status_code == 200
        assert server.process.wait(SECONDS) == 0
    assert CommunicationChannel.objects.filter(user=user).count() == 1


class SlowMailbox:
    """Takes a message only once it is let go."""

    def __init__(self) -> None:
        self.asked, self.go = threading.Event(), threading.Event()
        self.recipients: list[str] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.asked.set()
        assert self.go.wait(SECONDS)
        self.recipients += envelope.rcpt_tos
        return "250 OK"


def start_worker(mail_port: int, email_timeout: str, *options: str) -> "subprocess.Popen[bytes]":
    settings = {
        "DATABASE_URL": database_url(),
        "EMAIL_URL": f"smtp://127.0.0.1:{mail_port}",
        "EMAIL_TIMEOUT": email_timeout,
        "DEMO": "false",
    }
    return subprocess.Popen(
        [sys.executable, "manage.py", "procrastinate", "worker", "--queues", "default", *options],
        cwd=ROOT,
        env=os.environ | settings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=dies_with_parent(signal.SIGKILL),
    )


def test_a_worker_ends_its_jobs_and_begins_none() -> None:
    mailbox = SlowMailbox()
    mail = Controller(mailbox, hostname="127.0.0.1", port=free_port())
    mail.start()
    for address in ("first@example.edu", "second@example.edu"):
        assert confirmations.resend(make_channel(make_user(), address, workflow_state="unconfirmed"))
    bound = ("--shutdown-graceful-timeout", str(SECONDS))
    worker = start_worker(mail.port, str(SECONDS), "--concurrency", "1", *bound)
    try:
        assert mailbox.asked.wait(SECONDS)
        worker.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert worker.poll() is None
        mailbox.go.set()
        assert worker.wait(SECONDS) == 0
    finally:
        worker.kill()
        worker.wait()
        mail.stop()
    assert mailbox.recipients == ["first@example.edu"]
    states = ProcrastinateJob.objects.filter(task_name="notifications.send_confirmation")
    assert list(states.order_by("pk").values_list("status", flat=True)) == ["succeeded", "todo"]


class HangingMailbox:
    """Takes messages at once, or none of them."""

    def __init__(self) -> None:
        self.hangs = True
        self.asked: list[str] = []
        self.taken: Counter[str] = Counter()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.asked += envelope.rcpt_tos
        while self.hangs:
            await asyncio.sleep(0.05)
        self.taken.update(envelope.rcpt_tos)
        return "250 OK"


def test_a_worker_ends_in_time_with_30_sends_that_hang_and_loses_none() -> None:
    """Nothing tells whether those that were under way were sent; the others are, once."""
    mailbox = HangingMailbox()
    mail = Controller(mailbox, hostname="127.0.0.1", port=free_port())
    mail.start()
    people = [f"person{number}@example.edu" for number in range(40)]
    for address in people:
        assert confirmations.resend(make_channel(make_user(), address, workflow_state="unconfirmed"))
    hour = str(60 * 60)  # seconds: nothing but the bound ends a send
    worker = start_worker(mail.port, hour, "--concurrency", "30", "--shutdown-graceful-timeout", "1")
    patient: subprocess.Popen[bytes] | None = None
    try:
        wait_for(lambda: len(mailbox.asked) == 30)
        patient = start_worker(mail.port, hour, "--concurrency", "1", "--shutdown-graceful-timeout", hour)
        wait_for(lambda: len(mailbox.asked) == 31)
        for one in (patient, worker):
            one.send_signal(signal.SIGTERM)
        assert worker.wait(SECONDS / 2) == 0
        assert patient.poll() is None  # the bound alone makes the difference
    finally:
        for one in filter(None, (patient, worker)):
            one.kill()
            one.wait()
    assert not mailbox.taken
    mailbox.hangs = False
    with connection.cursor() as cursor:  # half a minute has passed since the last sign of life
        cursor.execute("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '31 seconds'")
    app.configure_task(tasks.retry_stalled.name).defer(timestamp=0)
    with start_worker(mail.port, str(SECONDS), "--concurrency", "1", "--one-shot") as another:
        assert another.wait(SECONDS) == 0
    mail.stop()
    assert set(mailbox.taken) == set(people)
    under_way = set(mailbox.asked[:31])
    assert {address for address, times in mailbox.taken.items() if times > 1} <= under_way
    assert not ProcrastinateJob.objects.filter(status__in=["todo", "doing"]).exists()
