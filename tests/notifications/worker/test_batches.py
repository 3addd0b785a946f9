"""Jobs that one takes along: what becomes of each, and of those that it did not come to."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.exceptions import AlreadyEnqueued
from pytest_django import Settings

from canvas_channels.core import outbox
from canvas_channels.demo.processes import dies_with_parent
from channels_api.messages import confirmations
from channels_api.models import Confirmation, PushDevice
from notifications import tasks
from notifications.gateways import mailers
from notifications.worker import batches, retry, turns
from notifications.worker.turns import GROUP
from tests import ROOT
from tests.factories import make_channel, make_key, make_security_notice, make_user
from tests.live import database_url, free_port
from tests.notifications.diagnosis.smtp import Handler, mail_server
from tests.notifications.senders.test_devices import make_application, make_device
from tests.notifications.services import Fields, Sns, jobs, make_due, refuse, run_worker

pytestmark = pytest.mark.django_db(transaction=True)

JOB = "notifications.send_confirmation"
PATIENCE = 60.0


class Server(Handler):
    """``meanwhile`` sees each address before its message is taken, and says what the server does then."""

    def __init__(self, meanwhile: Callable[[str], str | None] = lambda _to: None) -> None:
        super().__init__()
        self.meanwhile = meanwhile
        self.away = False

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, answers: list[str]
    ) -> list[str]:
        if self.away:
            server.transport.abort()  # type: ignore[union-attr]
        return await super().handle_EHLO(server, session, envelope, hostname, answers)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        answer = self.meanwhile(envelope.rcpt_tos[0])
        if answer == "hang up":
            server.transport.abort()  # type: ignore[union-attr]
        return answer or await super().handle_DATA(server, session, envelope)

    def recipients(self) -> list[str]:
        return [envelope.rcpt_tos[0] for envelope in self.received]


@contextmanager
def serving(server: Server, settings: Settings) -> Iterator[int]:
    with mail_server(server) as port:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
        yield port
        mailers.forget()


@pytest.fixture(autouse=True)
def _always_full_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine."""
    monkeypatch.setattr(turns, "GROUP_SECONDS", 1000.0)
    monkeypatch.setattr(turns, "AT_A_TIME", 1000.0)
    monkeypatch.setattr(retry, "counts", lambda _attempts: True)  # which is chance
    retry._in_vain.clear()


def ask(number: int) -> list[str]:
    addresses = [f"person{n}@example.edu" for n in range(number)]
    for address in addresses:
        assert confirmations.resend(make_channel(make_user(), address, workflow_state="unconfirmed"))
    return addresses


def states() -> list[str]:
    return list(Confirmation.objects.order_by("pk").values_list("workflow_state", flat=True))


def attempts() -> list[int]:
    found = ProcrastinateJob.objects.filter(task_name=JOB).order_by("pk")
    return list(found.values_list("attempts", flat=True))


def test_one_job_takes_others_along(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    addresses, server = ask(GROUP + 5), Server()
    with serving(server, settings):
        run_worker()
    assert server.recipients() == addresses
    assert server.sessions == 1
    assert states() == ["sent"] * len(addresses)
    assert jobs("succeeded") == [JOB] * len(addresses)
    assert attempts() == [1] * len(addresses)
    fetched = [record for record in caplog.records if getattr(record, "action", "") == "start_job"]
    assert len(fetched) == 1


@pytest.mark.parametrize(
    ("answer", "state", "status", "reason"),
    [
        ("550 5.1.1 no such user", "failed", "failed", "SMTPDataError 550 5.1.1"),
        ("451 4.2.0 later", "requested", "todo", "SMTPDataError 451 4.2.0"),
        ("hang up", "requested", "todo", "SMTPServerDisconnected"),
    ],
)
def test_one_that_fails_keeps_none_of_the_others(
    settings: Settings, answer: str, state: str, status: str, reason: str
) -> None:
    addresses = ask(8)
    bad = addresses[4]
    server = Server(lambda to: answer if to == bad else None)
    with serving(server, settings):
        run_worker()
    assert server.recipients() == [address for address in addresses if address != bad]
    assert states() == ["sent"] * 4 + [state] + ["sent"] * 3
    assert Confirmation.objects.get(address_folded=bad).failure.endswith(reason)
    assert jobs(status) == [JOB]
    assert attempts() == [1] * 8


def test_when_the_server_goes_away_the_rest_waits_and_loses_no_try(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "IN_VAIN", 0.0)  # as where a connection hangs
    addresses = ask(1 + GROUP)
    server = Server()

    def end(_to: str) -> str | None:
        server.away = len(server.received) == 3
        return "hang up" if server.away else None

    server.meanwhile = end
    with serving(server, settings):
        run_worker()
        assert server.recipients() == addresses[:3]
        assert attempts() == [1] * 5 + [0] * (GROUP - 4)  # two were tried in vain
        waiting = ProcrastinateJob.objects.filter(status="todo", scheduled_at__isnull=False)
        assert {job.priority for job in waiting} == {outbox.UNREACHED}
        assert waiting.count() == len(addresses) - 3
        assert [row.failure for row in Confirmation.objects.order_by("pk")][5:] == [""] * (GROUP - 4)
        server.away, server.meanwhile = False, lambda _to: None
        make_due()
        run_worker()
        assert sorted(server.recipients()) == sorted(addresses)
    assert attempts() == [1] * 3 + [2] * 2 + [1] * (GROUP - 4)


def test_where_connections_are_refused_at_once_one_job_finds_out_for_all(
    settings: Settings, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(turns, "IN_VAIN", 1000.0)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    ask(3 * GROUP)
    run_worker()
    fetched = [record for record in caplog.records if getattr(record, "action", "") == "start_job"]
    assert len(fetched) == 1
    assert attempts() == [1] * 3 * GROUP
    waiting = ProcrastinateJob.objects.filter(status="todo", scheduled_at__gt=timezone.now())
    assert waiting.count() == 3 * GROUP
    failures = Confirmation.objects.values_list("failure", flat=True)
    assert all(failure.endswith("ConnectionRefusedError") for failure in failures)


def have_failed(attempts: int) -> None:
    """All jobs are a bulk's, were tried so often, and are due."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_jobs SET priority = %s, attempts = %s, scheduled_at = now()",
            [outbox.LATER, attempts],
        )


@pytest.mark.parametrize(("tried", "counted", "longest"), [(3, 4, 40), (6, 7, 320), (10, 10, 3600)])
def test_while_nobody_answers_two_find_out_for_all_of_a_bulk_that_are_due(
    settings: Settings, tried: int, counted: int, longest: int
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    ask(3 * GROUP)
    have_failed(tried)
    run_worker()
    assert Confirmation.objects.exclude(failure="").count() == 2
    assert attempts() == [tried + 1] * 2 + [counted] * (3 * GROUP - 2)
    waiting = ProcrastinateJob.objects.filter(status="todo", priority=outbox.LATER).order_by("pk")
    waits = [(job.scheduled_at - timezone.now()).total_seconds() for job in waiting][2:]
    assert len(waits) == 3 * GROUP - 2
    assert longest / 2 - PATIENCE < min(waits) <= max(waits) <= longest
    assert len(set(waits)) == len(waits)  # not all at once


def test_they_find_out_one_after_the_other_too_and_for_those_that_are_due_soon(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    ask(GROUP)
    have_failed(3)
    jobs_in_order = list(ProcrastinateJob.objects.order_by("pk").values_list("pk", flat=True))
    waiting = ProcrastinateJob.objects.filter(pk__in=jobs_in_order[1:])
    waiting.update(scheduled_at=timezone.now() + timedelta(minutes=5))
    run_worker()
    assert attempts() == [4] + [3] * (GROUP - 1)
    waiting.filter(pk=jobs_in_order[1]).update(scheduled_at=timezone.now())
    waiting.filter(pk__in=jobs_in_order[2:5]).update(scheduled_at=timezone.now() + timedelta(seconds=10))
    run_worker()
    assert attempts() == [4] * 5 + [3] * (GROUP - 5)
    assert Confirmation.objects.exclude(failure="").count() == 2


def test_one_that_nobody_answers_to_puts_no_others_off(settings: Settings) -> None:
    addresses = ask(3 * GROUP)
    have_failed(3)
    server = Server(lambda to: "hang up" if to == addresses[0] else None)
    with serving(server, settings):
        run_worker()
    assert sorted(server.recipients()) == sorted(addresses[1:])
    assert attempts() == [4] * 3 * GROUP


def test_another_kind_is_not_put_off(settings: Settings, sns: Sns) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    ask(GROUP)
    key = make_key(sns_arn=make_application(sns.client()))
    PushDevice.job.ask([make_device(key, f"{number:064x}").pk for number in range(GROUP)])
    have_failed(3)
    run_worker()
    assert set(PushDevice.objects.values_list("workflow_state", flat=True)) == {"registered"}
    assert Confirmation.objects.exclude(failure="").count() == 2


def test_calls_of_sns_go_side_by_side(sns: Sns) -> None:
    """Those of the jobs that one takes along: one alone is in no hurry for others."""
    key = make_key(sns_arn=make_application(sns.client()))
    together = threading.Barrier(GROUP, timeout=PATIENCE)
    made = 0

    def wait_for_all(fields: Fields) -> None:
        nonlocal made
        if fields["Action"] == "CreatePlatformEndpoint":
            made += 1
            if made > 1:
                together.wait()

    sns.script = wait_for_all
    PushDevice.job.ask([make_device(key, f"{number:064x}").pk for number in range(1 + GROUP)])
    run_worker()
    assert set(PushDevice.objects.values_list("workflow_state", flat=True)) == {"registered"}


def test_each_device_fares_for_itself(sns: Sns) -> None:
    key = make_key(sns_arn=make_application(sns.client()))
    devices = [make_device(key, f"{number:064x}") for number in range(1 + GROUP)]
    busy, bad = devices[3], devices[6]

    def answer(fields: Fields) -> tuple[int, str] | None:
        if fields.get("Token") == busy.token:
            return refuse("Throttled", "slow down", 429)
        return refuse("InvalidParameter", "no token") if fields.get("Token") == bad.token else None

    sns.script = answer
    PushDevice.job.ask([device.pk for device in devices])
    run_worker()
    found = dict(PushDevice.objects.values_list("pk", "workflow_state"))
    expected = dict.fromkeys(found, "registered") | {busy.pk: "pending", bad.pk: "failed"}
    assert found == expected


def test_none_is_taken_along_that_others_come_before(mailbox: list[dict[str, str]]) -> None:
    """Of another priority, or of a kind that others wait behind."""
    addresses = ask(4)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_jobs SET priority = %s, scheduled_at = now() "
            "WHERE id <> (SELECT max(id) FROM procrastinate_jobs)",
            [outbox.TRIED],
        )
    notice = make_security_notice(make_user(), "notice@example.edu")
    type(notice).job.ask([notice.pk])
    run_worker()
    assert [mail["to"] for mail in mailbox] == [addresses[3], "notice@example.edu", *addresses[:3]]


def test_jobs_under_one_lock_are_never_taken_together(mailbox: list[dict[str, str]]) -> None:
    ask(2)
    second = Confirmation.objects.latest("pk")
    Confirmation.job.ask([second.pk, second.pk])
    run_worker()
    assert len(mailbox) == 2
    assert jobs("succeeded") == [JOB] * 4


@pytest.mark.parametrize(
    ("constraint", "done_at_once"),
    [
        ("procrastinate_jobs_lock_idx_v1", 3),
        ("procrastinate_jobs_worker_id_fkey", 3),
        ("procrastinate_jobs_queueing_lock_idx_v1", 0),
    ],
)
def test_none_are_taken_along_whose_lock_is_held_or_whose_worker_is_taken_for_dead(
    constraint: str, done_at_once: int, mailbox: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The queue's constraints say so; what another one says is an error, after which each is tried again."""
    ask(3)
    refusing = f"""
    DO $$ BEGIN RAISE unique_violation USING CONSTRAINT = '{constraint}'; END $$
    """
    with monkeypatch.context() as patched:
        patched.setattr(batches, "_TAKE", f"{refusing} -- %s %s")
        run_worker()
    assert len(jobs("succeeded")) == done_at_once
    make_due()
    run_worker()
    assert jobs("succeeded") == [JOB] * 3
    assert len(mailbox) == 3


def test_jobs_are_given_back_where_their_rows_cannot_be_read(
    mailbox: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first is done by then; the others are, one after the other, by the next jobs."""
    addresses = ask(4)
    due = confirmations.due
    cut: list[int] = []

    def lose(confirmation_ids: list[int]) -> list[Confirmation]:
        if len(confirmation_ids) > 1 and not cut:
            cut.extend(confirmation_ids)
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return due(confirmation_ids)

    monkeypatch.setattr(confirmations, "due", lose)
    run_worker()
    assert len(cut) == 3
    assert [mail["to"] for mail in mailbox] == addresses
    assert attempts() == [1] * 4


class Process:
    """A worker process of one job at once, and a mail server that holds its messages when it has had some."""

    def __init__(self, settings: Settings, holds_after: int) -> None:
        self.settings = settings
        self.reached, self.go_on = threading.Event(), threading.Event()
        self.server = Server(self._hold)
        self.holds_after = holds_after

    def _hold(self, _to: str) -> None:
        if len(self.server.received) == self.holds_after:
            self.reached.set()
            assert self.go_on.wait(PATIENCE)

    @contextmanager
    def running(self) -> Iterator["subprocess.Popen[bytes]"]:
        with serving(self.server, self.settings) as port:
            process = subprocess.Popen(
                [sys.executable, "manage.py", "procrastinate", "worker", "--concurrency", "1"]
                + ["--queues", "default"],
                cwd=ROOT,
                env=os.environ
                | {"DATABASE_URL": database_url(), "DEMO": "false", "EMAIL_TIMEOUT": str(int(PATIENCE))}
                | {"EMAIL_URL": f"smtp://127.0.0.1:{port}", "PGAPPNAME": "killed"},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                preexec_fn=dies_with_parent(signal.SIGKILL),
            )
            try:
                assert self.reached.wait(PATIENCE)
                yield process
            finally:
                self.go_on.set()
                process.kill()
                process.wait()
        with connection.cursor() as cursor:
            deadline = time.monotonic() + PATIENCE
            while cursor.execute(
                "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'killed')"
            ).fetchone() != (False,):
                assert time.monotonic() < deadline
                time.sleep(0.02)


def test_a_worker_that_is_killed_amid_a_group_doubles_at_most_that(settings: Settings) -> None:
    addresses, process = ask(3 * GROUP), Process(settings, holds_after=GROUP + 3)
    with process.running() as running:
        running.kill()
        running.wait()
    told = len(process.server.received)
    assert 0 < states().count("sent") < told
    assert len(jobs("doing")) <= 1 + GROUP
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'")
    with suppress(AlreadyEnqueued):  # by itself, where a minute has just begun
        tasks.retry_stalled.configure().defer(timestamp=0)
    rest = Server()
    with serving(rest, settings):
        run_worker()
        run_worker()
    assert states() == ["sent"] * len(addresses)
    times = Counter(process.server.recipients() + rest.recipients())
    assert times.keys() == set(addresses)
    assert times.total() - len(addresses) <= GROUP
    assert jobs("doing") == []


def test_a_worker_that_is_told_to_end_begins_no_other(settings: Settings) -> None:
    addresses, process = ask(3 * GROUP), Process(settings, holds_after=3)
    with process.running() as running:
        running.send_signal(signal.SIGTERM)
        time.sleep(1)  # it has heard, and must not have ended for that
        assert running.poll() is None
        process.go_on.set()
        assert running.wait(PATIENCE) == 0
    assert process.server.recipients() == addresses[:4]
    assert states() == ["sent"] * 4 + ["requested"] * (len(addresses) - 4)
    assert jobs("doing") == []
    assert attempts() == [1] * 4 + [0] * (len(addresses) - 4)


def test_two_workers_share_them(settings: Settings) -> None:
    addresses, server = ask(60), Server()
    with serving(server, settings):
        run_worker(2)
    assert sorted(server.recipients()) == sorted(addresses)
    assert attempts() == [1] * len(addresses)
