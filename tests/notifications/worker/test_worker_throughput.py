"""What makes a worker quick, without a clock: parallel jobs, kept connections, the queue's plan."""

import asyncio
import smtplib
import threading
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connection, transaction
from procrastinate.contrib.django import app
from procrastinate.sql import queries
from pytest_django import Settings

from canvas_channels.demo.standins import start_smtp
from channels_api.models import PushDevice
from notifications.gateways import TransportError, email, mailers
from notifications.gateways.email import Email
from tests.factories import make_key
from tests.notifications.diagnosis.smtp import Handler, mail_server
from tests.notifications.senders.test_devices import make_application, make_device
from tests.notifications.services import Fields, Sns, jobs, run_worker, worker_connector

pytestmark = pytest.mark.django_db(transaction=True)

MESSAGE = Email("subject", "text", "<p>text</p>")
AT_ONCE = 12  # more than asyncio's default threads on a small machine


def test_as_many_jobs_run_at_once_as_the_worker_was_told(sns: Sns) -> None:
    key = make_key(sns_arn=make_application(sns.client()))
    together = threading.Barrier(AT_ONCE, timeout=20)

    def wait_for_all(fields: Fields) -> None:
        if fields["Action"] == "CreatePlatformEndpoint":
            together.wait()

    sns.script = wait_for_all
    for number in range(AT_ONCE):
        PushDevice.job.ask_again([make_device(key, f"{number:064x}").pk])
    run_worker(AT_ONCE)
    assert jobs("succeeded") == ["notifications.sync_device"] * AT_ONCE


def test_a_job_that_a_job_asks_for_is_part_of_its_transaction() -> None:
    """In a worker too, where the app has a connector of its own."""

    def ask_and_roll_back() -> None:
        with transaction.atomic():
            PushDevice.job.ask_again([1])
            transaction.set_rollback(True)
        connection.close()

    async def work() -> None:
        with app.replace_connector(worker_connector()):
            async with app.open_async():
                await sync_to_async(ask_and_roll_back, thread_sensitive=False)()

    asyncio.run(work())
    assert jobs("todo") == []


def test_the_queue_never_compares_every_job_with_every_other() -> None:
    [name] = {word.partition("(")[0] for word in queries["fetch_job"].split() if "fetch_job" in word}
    with connection.cursor() as cursor:
        cursor.execute("SELECT proconfig FROM pg_proc WHERE proname = %s", [name])
        assert cursor.fetchall() == [(["enable_sort=off", "enable_seqscan=off", "enable_bitmapscan=off"],)], (
            f"a migration as notifications 0004 is needed for {name}"
        )


@pytest.fixture
def server(settings: Settings) -> Any:
    """Counts its connections in ``sessions``."""
    handler = Handler()
    with mail_server(handler) as port:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
        yield handler
        mailers.forget()


def send(times: int = 1) -> None:
    for _ in range(times):
        email.send("sheldon@example.com", lambda: MESSAGE, "c1")


def test_messages_share_a_connection(server: Handler) -> None:
    send(5)
    assert (len(server.received), server.sessions) == (5, 1)


def test_a_connection_carries_so_many_messages(server: Handler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailers, "MOST_MESSAGES", 2)
    send(5)
    assert (len(server.received), server.sessions) == (5, 3)


def test_a_connection_that_was_idle_too_long_is_not_used(
    server: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailers, "LONGEST_IDLE", 0)
    send(2)
    assert (len(server.received), server.sessions) == (2, 2)


def test_a_connection_that_the_server_ended_is_replaced(server: Handler) -> None:
    send()
    server.hang_up()
    send()
    assert (len(server.received), server.sessions) == (2, 2)


def test_another_server_is_asked_as_soon_as_it_is_set(server: Handler, settings: Settings) -> None:
    send()
    received: list[dict[str, str]] = []
    other = start_smtp(0, received.append)
    settings.EMAIL_PORT = other.port
    send()
    mailers.forget()
    other.stop()
    assert (len(server.received), len(received)) == (1, 1)


def test_a_failure_is_not_repeated_here_and_ends_the_connection(server: Handler) -> None:
    send()
    server.refuses_data = "451 try later"
    with pytest.raises(TransportError, match="451"):
        send()
    server.refuses_data = ""
    send()
    assert (len(server.received), server.offered, server.sessions) == (2, 3, 2)


def test_each_thread_has_a_connection_of_its_own(server: Handler) -> None:
    send()
    other = threading.Thread(target=send)
    other.start()
    other.join()
    assert (len(server.received), server.sessions) == (2, 2)
    assert isinstance(mailers.mailer().connection, smtplib.SMTP)
