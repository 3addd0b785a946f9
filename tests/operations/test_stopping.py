"""SIGTERM: what has begun is done, nothing else begins."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from aiosmtpd.controller import Controller
from django.db import connection, transaction
from procrastinate.contrib.django.models import ProcrastinateJob

from canvas_channels.core.identity.models import User
from canvas_channels.demo.processes import dies_with_parent
from channels_api.messages import confirmations
from channels_api.models import CommunicationChannel
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


def test_a_worker_ends_its_jobs_and_begins_none() -> None:
    mailbox = SlowMailbox()
    mail = Controller(mailbox, hostname="127.0.0.1", port=free_port())
    mail.start()
    for address in ("first@example.edu", "second@example.edu"):
        assert confirmations.resend(make_channel(make_user(), address, workflow_state="unconfirmed"))
    settings = {
        "DATABASE_URL": database_url(),
        "EMAIL_URL": f"smtp://127.0.0.1:{mail.port}",
        "EMAIL_TIMEOUT": str(SECONDS),
        "DEMO": "false",
    }
    worker = subprocess.Popen(
        [sys.executable, "manage.py", "procrastinate", "worker", "--concurrency", "1"]
        + ["--queues", "default", "--shutdown-graceful-timeout", str(SECONDS)],
        cwd=ROOT,
        env=os.environ | settings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=dies_with_parent(signal.SIGKILL),
    )
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
