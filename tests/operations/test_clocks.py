"""A worker whose machine's clock is wrong, or jumps, on a database that is in another time zone."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from django.conf import settings
from django.db import connection
from django.test import Client

from canvas_channels.demo.processes import dies_with_parent, end
from canvas_channels.demo.standins import Message, read_email
from channels_api.messages import confirmations, password_resets
from channels_api.models import ConfirmationCode
from tests import ROOT
from tests.factories import make_channel, make_user
from tests.live import database_url, free_port
from tests.programs import need

pytestmark = pytest.mark.django_db(transaction=True)

SECONDS = 60
FIRST_WAIT = timedelta(seconds=5.1)  # at most; notifications/worker/retry.py
SOON = timedelta(minutes=1)
VALID = timedelta(days=settings.CONFIRMATION_EMAIL_DAYS)


class Mailbox:
    """What was sent; it may refuse for a while."""

    def __init__(self) -> None:
        self.port = free_port()
        self.messages: list[Message] = []
        self.refuses = False

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        if self.refuses:
            return "451 4.3.0 try again later"
        self.messages += read_email(envelope.content, envelope.rcpt_tos)
        return "250 OK"

    def to(self, address: str) -> Message | None:
        return next((message for message in self.messages if message["to"] == address), None)


class Clock:
    """A worker's. It may be set while the worker runs."""

    def __init__(self, folder: Path) -> None:
        [library] = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
        self._file = folder / "clock"
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        self.put("+0")

    def put(self, off: str) -> None:
        self._file.write_text(off)


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    taken = Mailbox()
    server = Controller(taken, hostname="127.0.0.1", port=taken.port)
    server.start()
    yield taken
    server.stop()


@pytest.fixture
def clock(mailbox: Mailbox, tmp_path: Path, transactional_db: None) -> Iterator[Clock]:
    """That of a worker which runs; its database is in a zone of its own."""
    need("faketime")
    name = connection.ops.quote_name(connection.settings_dict["NAME"])
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {name} SET timezone TO 'Pacific/Chatham'")
    found = Clock(tmp_path)
    with (tmp_path / "log").open("wb") as log:
        worker = subprocess.Popen(
            [sys.executable, "manage.py", "procrastinate", "worker", "--fetch-job-polling-interval", "1"],
            cwd=ROOT,
            env=os.environ
            | {"DATABASE_URL": database_url(), "DEMO": "false"}
            | {"EMAIL_URL": f"smtp://127.0.0.1:{mailbox.port}"}
            | found.environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=dies_with_parent(signal.SIGKILL),
        )
    try:
        yield found
    finally:
        end([worker], grace=10)
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER DATABASE {name} RESET timezone")


def wait_for(found: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def ask_for_a_code(address: str) -> int:
    """Returns the id of the channel that it confirms."""
    channel = make_channel(make_user(), address, workflow_state="unconfirmed")
    assert confirmations.resend(channel)
    return channel.pk


def waits() -> list[timedelta]:
    """How long after each failure the next try is due, both by the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT job.scheduled_at - event.at FROM procrastinate_jobs job "
            "JOIN procrastinate_events event ON event.job_id = job.id AND event.type = 'deferred_for_retry' "
            "WHERE job.attempts = 1 AND job.status = 'todo'"
        )
        return [wait for (wait,) in cursor.fetchall()]


def valid_for(channel_id: int) -> timedelta:
    code = ConfirmationCode.objects.get(confirmation__channel=channel_id)
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s - now()", [code.expires_at])
        [left] = cursor.fetchone()
    assert isinstance(left, timedelta)
    return left


def shown_by_reset_link(login: str, mailbox: Mailbox) -> str:
    """The page behind the link that comes for a forgotten password."""
    user = make_user(login=login)
    make_channel(user, login, active_since=user.created_at - timedelta(days=30))
    password_resets.request(login)
    wait_for(lambda: mailbox.to(login))
    message = mailbox.to(login)
    assert message
    [path] = re.findall(r"https?://[^/]+(/password-reset/\S+)", message["body"])
    return Client().get(path, follow=True).content.decode()


@pytest.mark.parametrize("off", ["-3h", "+3h"])
def test_one_that_is_wrong_by_hours_costs_no_try_no_code_and_no_link(
    clock: Clock, mailbox: Mailbox, off: str
) -> None:
    clock.put(off)
    mailbox.refuses = True
    ask_for_a_code("later@example.edu")
    wait_for(waits)
    assert all(timedelta(0) < wait < FIRST_WAIT for wait in waits())
    mailbox.refuses = False
    channel = ask_for_a_code("now@example.edu")
    wait_for(lambda: mailbox.to("now@example.edu"))
    assert VALID - SOON < valid_for(channel) <= VALID
    assert 'name="new_password1"' in shown_by_reset_link("forgetful@example.edu", mailbox)
    wait_for(lambda: mailbox.to("later@example.edu"))


def test_one_that_jumps_keeps_delivering_and_its_codes_are_good(clock: Clock, mailbox: Mailbox) -> None:
    for number, off in enumerate(["+0", "+10m", "-10m", "+0"]):
        clock.put(off)
        address = f"person{number}@example.edu"
        channel = ask_for_a_code(address)
        wait_for(partial(mailbox.to, address))
        assert VALID - SOON < valid_for(channel) <= VALID
