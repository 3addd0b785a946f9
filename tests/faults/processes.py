"""The processes that are killed, and what brings them back: the commands of docs/operating.md, supervised."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psutil
import psycopg

from canvas_channels.demo.processes import dies_with_parent, end, signal_group
from notifications.worker.turns import GROUP
from tests import ROOT
from tests.live import LIFTED, free_port

HOST = "127.0.0.1"
READY_SECONDS = 60
GRACE_SECONDS = 10
CONCURRENCY = 4  # of a worker
POLLING_SECONDS = "1"


class Supervised:
    """One command that is started again whenever it ends, as any supervisor of services does.

    ``root`` is where its code is.
    """

    def __init__(
        self, name: str, command: list[str], environment: dict[str, str], folder: Path, root: Path = ROOT
    ) -> None:
        self.name = name
        self.command = [sys.executable, *command]
        self.environment = environment | {"PYTHONPATH": str(root)}
        self.folder = folder
        self.root = root
        self.starts = 0
        self.ended_itself = 0
        self.start()

    def start(self) -> None:
        self.starts += 1
        self.log = self.folder / f"{self.name}.{self.starts}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen[bytes](
                self.command,
                cwd=self.root,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=dies_with_parent(signal.SIGKILL),
            )

    def kill(self) -> None:
        """As when its machine is gone: it and all that it started."""
        signal_group(self.process, signal.SIGKILL)
        self.process.wait()
        self.start()

    def watch(self) -> None:
        if self.process.poll() is not None:
            self.ended_itself += 1
            signal_group(self.process, signal.SIGKILL)
            self.start()


class Web(Supervised):
    """Granian, with two processes of its own."""

    def __init__(self, name: str, environment: dict[str, str], folder: Path, root: Path = ROOT) -> None:
        self.port = free_port()
        command = ["-m", "canvas_channels.server"]
        if root != ROOT:  # 0.1.0 is not started by a module of its own
            command = ["-m", "granian", "--interface=rsgi", "--http=1", "--respawn-failed-workers"]
            command.append("canvas_channels.rsgi:application")
        command += ["--host", HOST, "--port", str(self.port), "--workers", "2"]
        super().__init__(name, command, environment, folder, root)

    def kill_one(self, choice: int) -> bool:
        """SIGKILL to one of the processes that answer; False where there is none just now."""
        with suppress(psutil.NoSuchProcess):
            children = psutil.Process(self.process.pid).children()
            serving = [child for child in children if "resource_tracker" not in " ".join(child.cmdline())]
            if serving:
                serving[choice % len(serving)].kill()
                return True
        return False

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not self._answers():
            assert time.monotonic() < deadline, self.log.read_text()[-2000:]
            time.sleep(0.1)

    def _answers(self) -> bool:
        connection = HTTPConnection(HOST, self.port, timeout=5)
        try:
            connection.request("GET", "/api/v1/users/self")
            return connection.getresponse().status == 401
        except OSError:
            return False
        finally:
            connection.close()


class Worker(Supervised):
    """``killed`` counts what it was doing when it was killed: jobs, and the messages of those for many."""

    def __init__(self, name: str, environment: dict[str, str], folder: Path, root: Path = ROOT) -> None:
        command = ["manage.py", "procrastinate", "worker", "--concurrency", str(CONCURRENCY)]
        command += ["--fetch-job-polling-interval", POLLING_SECONDS]
        self.killed = 0
        self.dead: set[int] = set()
        super().__init__(name, command, environment, folder, root)

    def kill_counting(self, database_url: str) -> None:
        """It is stopped first, so that the count is exact."""
        self.process.send_signal(signal.SIGSTOP)
        time.sleep(0.05)  # what it has sent to the database by now is done there
        ids = self.ids()
        with psycopg.connect(database_url) as connection:
            doing = "SELECT task_name FROM procrastinate_jobs WHERE status = 'doing' AND worker_id = ANY(%s)"
            for (task,) in connection.execute(doing, [list(ids)]):
                self.killed += GROUP if task == "notifications.deliver_messages" else 1
        self.dead |= ids
        self.kill()

    def dead_ids(self) -> set[int]:
        """Those of killed processes, and those that this one had before it lost the database."""
        ids = self.ids()
        return self.dead | (ids - {max(ids, default=0)})

    def ids(self) -> set[int]:
        """What the queue calls this process: its log says so."""
        found: set[int] = set()
        for line in self.log.read_text(errors="replace").splitlines():
            with suppress(ValueError):
                entry = json.loads(line)
                if isinstance(entry, dict) and entry.get("action") == "start_worker":
                    found.add(entry["worker"]["worker_id"])
        return found


def environment(database_url: str, mail_port: int, sns_url: str, **others: str) -> dict[str, str]:
    """Settings of the service: production's, with short timeouts and no limits on messages."""
    return (
        os.environ
        | LIFTED
        | {
            "DEMO": "false",
            "DATABASE_URL": database_url,
            "PUBLIC_URL": f"http://{HOST}",
            "ALLOWED_HOSTS": HOST,
            "SMS_ALLOWED_COUNTRIES": "US",
            "EMAIL_URL": f"smtp://{HOST}:{mail_port}",
            "EMAIL_TIMEOUT": "2",
            "SNS_TIMEOUT": "1.5",
            "AWS_ENDPOINT_URL_SNS": sns_url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "NO_PROXY": "*",
            "no_proxy": "*",
        }
        | others
    )


def manage(environment: dict[str, str], *arguments: str) -> str:
    """What a command printed."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def seed(environment: dict[str, str], people: int, application: str) -> list[dict[str, Any]]:
    """People with their tokens."""
    printed = manage(environment, "-m", "tests.faults.seed", str(people), application)
    return [json.loads(line) for line in printed.splitlines() if line.startswith('{"id"')]


def stop(children: Iterable[Supervised]) -> None:
    end([child.process for child in children], GRACE_SECONDS)
