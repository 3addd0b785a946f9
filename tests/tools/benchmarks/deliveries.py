"""``scripts/benchmark deliveries``: how many emails, device registrations and pushes a worker does a second.

The queue is filled at once; the rate is that of all jobs from then until the last one is done, in the
database's own books. The worker, the mail server, SNS (which answers after 20 ms) and PostgreSQL are
processes of their own on the same cores.
"""

import os
import signal
import statistics
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import LiteralString

import psutil
import psycopg

from canvas_channels.demo.processes import dies_with_parent
from tests import ROOT
from tests.live import free_port

LONGEST = 240  # seconds for one round
NOTHING_LEFT = "SELECT NOT EXISTS (SELECT 1 FROM procrastinate_jobs WHERE status IN ('todo', 'doing'))"
CONFIRMATIONS = """
WITH asked AS (
    INSERT INTO channels_api_confirmation
        (channel_id, user_id, address_folded, workflow_state, wrong_tries, failure, created_at)
    SELECT id, user_id, address_folded, 'requested', 0, '', now()
    FROM channels_api_communicationchannel WHERE workflow_state = 'unconfirmed' ORDER BY id LIMIT %(jobs)s
    RETURNING id
)
INSERT INTO procrastinate_jobs (queue_name, task_name, lock, args)
SELECT 'default', 'notifications.send_confirmation', 'confirmation:' || id,
       jsonb_build_object('confirmation_id', id)
FROM asked
"""
DEVICES = """
WITH made AS (
    INSERT INTO channels_api_pushdevice
        (user_id, developer_key_id, token, token_digest, endpoint_arn, workflow_state, failure, last_seen_at,
         created_at, updated_at)
    SELECT id, 1, md5(id || '.%(round)s') || md5(id::text), md5(id || '.%(round)s') || md5(id::text), '',
           'pending', '', now(), now(), now()
    FROM identity_user ORDER BY id LIMIT %(jobs)s
    RETURNING id
)
INSERT INTO procrastinate_jobs (queue_name, task_name, lock, args)
SELECT 'default', 'notifications.sync_device', 'device:' || id, jsonb_build_object('device_id', id) FROM made
"""
PUSHES = """
WITH asked AS (
    INSERT INTO notifications_message
        (user_id, channel_id, account_id, kind, type, frequency, address, object_id, subject, body, mandatory,
         workflow_state, waits_for, attempts, failure, devices, provider_id, created_at, updated_at)
    SELECT channel.user_id, channel.id, 1, 'test', 'push', 'immediately', channel.address, '',
           'Benchmark %(round)s', 'A push to one device', false, 'created', '', 0, '', '{}', '', now(), now()
    FROM channels_api_communicationchannel channel
    WHERE channel.type = 'push' ORDER BY channel.user_id LIMIT %(jobs)s
    RETURNING id
), numbered AS (SELECT id, row_number() OVER (ORDER BY id) AS number FROM asked)
INSERT INTO procrastinate_jobs (queue_name, task_name, args)
SELECT 'default', 'notifications.deliver_messages', jsonb_build_object('message_ids', jsonb_agg(id))
FROM numbered GROUP BY (number - 1) / 50
"""
PUSH_CHANNELS = """
INSERT INTO channels_api_communicationchannel
    (user_id, type, address, address_folded, workflow_state, position, institutional, bounce_count,
     created_at, updated_at)
SELECT id, 'push', 'For All Devices', 'for all devices', 'active', 100, false, 0, now(), now()
FROM identity_user
"""
FORGET_DEVICES = "DELETE FROM channels_api_pushdevice"
UNDONE: dict[str, LiteralString] = {
    "emails": "SELECT count(*) FROM channels_api_confirmation WHERE workflow_state <> 'sent'",
    "devices": "SELECT count(*) FROM channels_api_pushdevice WHERE workflow_state <> 'registered'",
    "pushes": "SELECT count(*) FROM notifications_message WHERE workflow_state <> 'sent'",
}


@contextmanager
def running(*arguments: str, **options: object) -> Iterator["subprocess.Popen[str]"]:
    """A Python process that ends with the block."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        text=True,
        preexec_fn=dies_with_parent(signal.SIGTERM),
        **options,  # type: ignore[call-overload]
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)
        if process.stdout:
            process.stdout.close()


class Sinks:
    """A mail server and SNS, each a process, on ports that they keep while they are away."""

    def __init__(self) -> None:
        self._ports = {"smtp": free_port(), "sns": free_port()}
        self._processes: list[subprocess.Popen[str]] = []
        self._stack = ExitStack()

    @property
    def settings(self) -> dict[str, str]:
        """Those that lead to them."""
        return {
            "EMAIL_URL": f"smtp://127.0.0.1:{self._ports['smtp']}",
            "DEFAULT_FROM_EMAIL": "channels@example.edu",
            "AWS_ENDPOINT_URL_SNS": f"http://127.0.0.1:{self._ports['sns']}",
            "AWS_ACCESS_KEY_ID": "benchmark",
            "AWS_SECRET_ACCESS_KEY": "benchmark",
        }

    def be(self, state: str) -> None:
        """``up``, ``refusing`` or ``hanging`` from now on."""
        for process in self._processes:
            process.send_signal(signal.SIGCONT)
        if state == "refusing":
            self._stack.close()
            self._processes.clear()
        elif not self._processes:
            for kind, port in self._ports.items():
                arguments = ("-m", "tests.tools.benchmarks.sinks", kind, str(port))
                process = self._stack.enter_context(running(*arguments, stdout=subprocess.PIPE))
                process.stdout.readline()  # type: ignore[union-attr]
                self._processes.append(process)
        if state == "hanging":
            for process in self._processes:
                process.send_signal(signal.SIGSTOP)

    def __enter__(self) -> "Sinks":
        self.be("up")
        return self

    def __exit__(self, *_: object) -> None:
        self.be("refusing")


@contextmanager
def worker(environ: dict[str, str]) -> Iterator[psutil.Process]:
    with running(
        "manage.py", "procrastinate", "worker", env=os.environ | environ, stderr=subprocess.DEVNULL
    ) as process:
        yield psutil.Process(process.pid)


def drain(database: "psycopg.Connection[tuple[bool]]", meanwhile: LiteralString = "SELECT true") -> float:
    """Seconds until no job is left; ``meanwhile`` is executed again and again."""
    began = time.monotonic()
    while database.execute(NOTHING_LEFT).fetchone() != (True,):
        if time.monotonic() - began > LONGEST:
            sys.exit(f"{LONGEST} s were not enough")
        database.execute(meanwhile)
        time.sleep(0.1)
    return time.monotonic() - began


def measure(options: Namespace, environ: dict[str, str]) -> None:
    """Interleaved rounds; prints a line for each, and the medians."""
    rates: dict[str, list[float]] = {kind: [] for kind in UNDONE}
    with ExitStack() as stack:
        sinks = stack.enter_context(Sinks())
        environ = environ | sinks.settings | {"WORKER_CONCURRENCY": str(options.concurrency)}
        database = stack.enter_context(psycopg.connect(environ["DATABASE_URL"], autocommit=True))
        process = stack.enter_context(worker(environ))
        for round_ in range(-1, options.rounds):  # the first warms the worker up
            jobs = options.jobs if round_ >= 0 else 100
            database.execute(FORGET_DEVICES)  # a push goes to all that a user has
            for kind, statement in (("emails", CONFIRMATIONS), ("devices", DEVICES), ("pushes", PUSHES)):
                before = process.cpu_times()
                database.execute(statement.replace("%(jobs)s", str(jobs)).replace("%(round)s", str(round_)))
                seconds = drain(database)
                if (undone := database.execute(UNDONE[kind]).fetchone()) != (0,):
                    sys.exit(f"{undone} {kind} were not delivered")
                if round_ < 0:
                    continue
                after = process.cpu_times()
                cpu = 1000 * (sum(after[:2]) - sum(before[:2])) / jobs
                rates[kind].append(jobs / seconds)
                print(
                    f"round {round_}: {jobs} {kind} in {seconds:.1f} s: {jobs / seconds:.0f} a second, "
                    f"{cpu:.2f} s of the worker's CPU for 1,000",
                    flush=True,
                )
    for kind, found in rates.items():
        print(f"{kind:8} {statistics.median(found):.0f} a second at a concurrency of {options.concurrency}")


def prepare(database_url: str) -> None:
    """All addresses are to be confirmed, all have pushes, and the developer key has an application."""
    with psycopg.connect(database_url, autocommit=True) as database:
        database.execute("UPDATE channels_api_communicationchannel SET workflow_state = 'unconfirmed'")
        database.execute(
            "UPDATE identity_developerkey SET sns_arn = 'arn:aws:sns:us-east-1:123456789012:app/APNS/Student'"
        )
        database.execute(PUSH_CHANNELS)
        database.execute("VACUUM ANALYZE channels_api_communicationchannel")
