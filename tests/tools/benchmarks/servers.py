"""Starts the servers under test, each with a worker process a core, and reads what they use."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

import psutil

from canvas_channels.demo.processes import dies_with_parent
from canvas_channels.server import command
from tests import ROOT
from tests.live import free_port
from tests.tools.benchmarks.seed import token_of

HOST = "127.0.0.1"
PATH = "/api/v1/users/self/communication_channels"
READY_SECONDS = 60
THREADS = "4"
WORKERS = str(os.cpu_count() or 1)


def ours(port: int) -> list[str]:
    return [*command(HOST, port), "--workers", WORKERS]


def straightforward(port: int) -> list[str]:
    options = ["--workers", WORKERS, "--threads", THREADS, "--keep-alive", "60", "--bind", f"{HOST}:{port}"]
    options += ["--reuse-port", "--log-level", "warning", "--no-control-socket"]
    return [sys.executable, "-m", "gunicorn", *options, "tests.tools.benchmarks.straightforward.wsgi"]


def bare(port: int) -> list[str]:
    options = ["--interface", "wsgi", "--no-ws", "--blocking-threads", THREADS, "--workers", WORKERS]
    options += ["--host", HOST, "--port", str(port), "--log-level", "warning"]
    return [sys.executable, "-m", "granian", *options, "tests.tools.benchmarks.bare:application"]


def asynchronous(port: int) -> list[str]:
    options = ["--interface", "asgi", "--no-ws", "--loop", "uvloop", "--workers", WORKERS]
    options += ["--host", HOST, "--port", str(port), "--log-level", "warning"]
    return [sys.executable, "-m", "granian", *options, "tests.tools.benchmarks.asynchronous:application"]


@dataclass(frozen=True, slots=True)
class Server:
    name: str
    port: int
    process: subprocess.Popen[bytes]
    started_in: float  # seconds until its first answer

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def ask(
        self,
        path: str = PATH,
        token: str = token_of(1),
        method: str = "GET",
        given: dict[str, Any] | None = None,
    ) -> bytes:
        """What it answers, perhaps to JSON; raises where that is neither a 200 nor a 201."""
        connection = HTTPConnection(HOST, self.port, timeout=30)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, json.dumps(given) if given else None, headers)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status not in {200, 201}:
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


Start = tuple[Callable[[int], list[str]], dict[str, str]]


@contextmanager
def running(starts: Iterable[Start]) -> Iterator[list[Server]]:
    """Servers by their commands' makers and environments, each started once the one before it answers."""
    servers: list[Server] = []
    try:
        for how, environ in starts:
            servers.append(start(how, environ))
        yield servers
    finally:
        for server in servers:
            server.stop()


def start(how: Callable[[int], list[str]], environ: dict[str, str]) -> Server:
    """Start a server and wait until it answers; it ends with this process."""
    port = free_port()
    began = time.monotonic()
    process = subprocess.Popen(
        how(port),
        cwd=ROOT,
        env=os.environ | environ,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=dies_with_parent(signal.SIGTERM),
    )
    while True:
        try:
            Server(how.__name__, port, process, 0).ask()
            return Server(how.__name__, port, process, time.monotonic() - began)
        except OSError:
            if time.monotonic() > began + READY_SECONDS or process.poll() is not None:
                raise
            time.sleep(0.05)
