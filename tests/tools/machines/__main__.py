"""Two web and two worker machines, one database, a load balancer; each machine vanishes once under load.

Runs in a network namespace of its own (``unshare --net``), which ``test_machines`` makes. Says what it saw
as JSON.
"""

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psycopg
from aiosmtpd.controller import Controller

from canvas_channels.demo import postgres_files
from canvas_channels.demo.postgres import EmbeddedPostgres
from canvas_channels.demo.processes import dies_with_parent, end
from canvas_channels.server import command
from tests import ROOT
from tests.live import LIFTED
from tests.tools.machines.load import Clients
from tests.tools.machines.network import NETWORK, OURS, Machine, listener, make_network
from tests.tools.machines.waiting import wait_for

CONFIG = Path(__file__).with_name("haproxy.cfg")
DATABASE_URL = f"postgresql://postgres@{OURS}/canvas_channels"
# As the default, but that what a machine had begun when it vanished is given up sooner.
IMPATIENT = "?options=-c%20idle_in_transaction_session_timeout%3D5s"
SETTINGS = LIFTED | {
    "DATABASE_URL": DATABASE_URL + IMPATIENT,
    "PUBLIC_URL": f"http://{OURS}",
    "EMAIL_URL": f"smtp://{OURS}:1025",
    "DEMO": "false",
    "NO_PROXY": "*",
}
WEB = command("0.0.0.0", 8000)
WORKER = [sys.executable, "manage.py", "procrastinate", "worker", "--concurrency", "4"]


class Mailbox:
    """Who was sent a message."""

    def __init__(self) -> None:
        self.recipients: set[str] = set()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.recipients.update(envelope.rcpt_tos)
        return "250 OK"


def is_ready(machine: Machine) -> bool:
    with urlopen(f"http://{machine.address}:8000/readyz", timeout=2) as answer:
        return bool(answer.status == 200)


@contextmanager
def database(folder: Path) -> Iterator[EmbeddedPostgres]:
    rules = folder / "pg_hba.conf"
    rules.write_text(f"local all all trust\nhost all all {NETWORK} trust\n")
    rules.chmod(0o644)
    server = EmbeddedPostgres(
        folder / "postgres", durable=False, options=listener(hba_file=str(rules), max_connections="50")
    )
    with server:
        yield server
    postgres_files.remove_data(server.data_dir)


@contextmanager
def load_balancer(folder: Path) -> Iterator[None]:
    with (folder / "haproxy.log").open("wb") as log:
        process = subprocess.Popen(
            ["haproxy", "-db", "-f", CONFIG],
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=dies_with_parent(signal.SIGTERM),
        )
    yield
    end([process], grace=1)


def make_tokens(number: int) -> list[str]:
    os.environ.update(SETTINGS)
    import django

    django.setup()
    logging.getLogger("mail.log").setLevel(logging.WARNING)
    from tests.factories import make_key, make_token, make_user

    key = make_key()
    return [make_token(make_user(), key) for _ in range(number)]


def newest_worker() -> int:
    with psycopg.connect(DATABASE_URL) as connection:
        row = connection.execute("SELECT coalesce(max(id), 0) FROM procrastinate_workers").fetchone()
    assert row
    return int(row[0])


def start_worker(machine: Machine) -> int:
    """Start a worker; returns its id in the queue."""
    before = newest_worker()
    machine.start(WORKER, SETTINGS)
    wait_for(machine.name, lambda: newest_worker() > before)
    return newest_worker()


def let_time_pass_for(workers: list[int]) -> None:
    """Workers whose last sign of life is long past have their jobs given to others, within a minute."""
    with psycopg.connect(DATABASE_URL) as connection:
        connection.execute(
            "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour' WHERE id = ANY(%s)",
            [workers],
        )
    from notifications import tasks

    tasks.retry_stalled.configure().defer(timestamp=0)


def run(folder: Path) -> dict[str, Any]:
    make_network()
    with ExitStack() as stack:
        stack.enter_context(database(folder))
        mailbox = Mailbox()
        mail = Controller(mailbox, hostname=OURS, port=1025)
        mail.start()
        stack.callback(mail.stop)
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--no-input", "--verbosity", "0"],
            env=os.environ | SETTINGS | {"DATABASE_URL": DATABASE_URL},
            check=True,
        )
        web1, web2, worker1, worker2 = machines = [
            Machine(name, f"10.77.0.{number}", folder)
            for name, number in (("web1", 11), ("web2", 12), ("worker1", 21), ("worker2", 22))
        ]
        for machine in machines:
            stack.callback(machine.remove)
        web1.start(WEB, SETTINGS)
        web2.start(WEB, SETTINGS)
        lost = [start_worker(worker1), start_worker(worker2)]
        tokens = make_tokens(40)
        wait_for("web1", lambda: is_ready(web1))
        wait_for("web2", lambda: is_ready(web2))
        stack.enter_context(load_balancer(folder))
        wait_for("load balancer", lambda: urlopen(f"http://{OURS}/healthz", timeout=5))

        clients = Clients(OURS, tokens)
        stack.callback(clients.stop)
        vanished = []

        def vanish(how: Callable[[], None]) -> None:
            began = time.monotonic()
            how()
            vanished.append((began, time.monotonic()))
            time.sleep(2)

        time.sleep(1)
        vanish(web1.kill)
        vanish(worker1.kill)
        web1.start(WEB, SETTINGS)
        start_worker(worker1)
        wait_for("web1 again", lambda: is_ready(web1))
        time.sleep(1)
        vanish(worker2.cut_off)
        vanish(web2.cut_off)
        clients.stop()
        let_time_pass_for(lost)
        with suppress(AssertionError):  # the test says which
            wait_for("messages", lambda: set(clients.accepted) <= mailbox.recipients)
        return {
            "answered": clients.answered,
            "accepted": len(clients.accepted),
            "without a message": sorted(set(clients.accepted) - mailbox.recipients),
            "failed": [asdict(failure) for failure in clients.failures],
            "vanished": vanished,
        }


if __name__ == "__main__":
    os.chdir(ROOT)
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="test-machines-") as made:
        Path(made).chmod(0o711)
        try:
            seen = run(Path(made))
        except BaseException:
            for log in Path(made).glob("*.log"):
                print(log.name, log.read_text(errors="replace")[-3000:], file=sys.stderr)
            raise
        print(json.dumps(seen))
