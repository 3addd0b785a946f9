"""Starts the servers under test, each with one worker process, and reads what they use."""

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import psutil

from canvas_channels.demo.processes import dies_with_parent
from tests.benchmarks.seed import token_of

ROOT = Path(__file__).resolve().parents[2]
PATH = "/api/v1/users/self/communication_channels"
READY_SECONDS = 60
THREADS = "2"

GRANIAN = (
    "-m granian --interface wsgi --no-ws --workers 1 --log-level warning --host 127.0.0.1 --port {port} "
    f"--blocking-threads {THREADS}"
)
GUNICORN = (
    "-m gunicorn --workers 1 --log-level warning --no-control-socket --keep-alive 60 --bind 127.0.0.1:{port} "
    f"--threads {THREADS}"
)

COMMANDS = {
    "ours": f"{GRANIAN} canvas_channels.wsgi:application",
    "straightforward": f"{GUNICORN} tests.benchmarks.straightforward.wsgi",
    "bare": f"{GRANIAN} tests.benchmarks.bare:application",
}


@dataclass(frozen=True, slots=True)
class Server:
    name: str
    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self) -> bytes:
        """The first token's list; raises where it is not answered with 200."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", PATH, headers={"Authorization": f"Bearer {token_of(1)}"})
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{self.name} answered {answer.status}: {body[:300]!r}")
            return body
        finally:
            connection.close()

    def cpu_seconds(self) -> float:
        return sum(sum(process.cpu_times()[:2]) for process in self._processes())

    def pss_megabytes(self) -> float:
        """Of the worker process: the largest one."""
        return max(process.memory_full_info().pss for process in self._processes()) / 2**20

    def _processes(self) -> list[psutil.Process]:
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]

    def stop(self) -> None:
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def start(name: str, environ: dict[str, str]) -> Server:
    """Start a server and wait until it answers; it ends with this process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, *COMMANDS[name].replace("{port}", str(port)).split()]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | environ,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=dies_with_parent(signal.SIGTERM),
    )
    server = Server(name, port, process)
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            server.ask()
            return server
        except OSError:
            if time.monotonic() > deadline or process.poll() is not None:
                raise
            time.sleep(0.2)
