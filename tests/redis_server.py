"""Debian's redis-server on loopback, for tests of what is shared through it."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import RedisError

from canvas_channels.demo.processes import dies_with_parent, end
from tests.programs import need

GRACE_SECONDS = 10
READY_SECONDS = 10


class RedisServer:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = ["--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--dir", str(self.folder)]
        self.process = subprocess.Popen(
            ["redis-server", *options],
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=dies_with_parent(signal.SIGTERM),
        )
        deadline = time.monotonic() + READY_SECONDS
        while not self._answers():
            assert time.monotonic() < deadline, "redis-server did not start"
            time.sleep(0.02)

    def stop(self) -> None:
        if self.process is not None:
            end([self.process], GRACE_SECONDS)
            self.process = None

    def hang(self) -> None:
        """Keep the port and answer nothing, as a machine that is overloaded does."""
        assert self.process
        os.kill(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        assert self.process
        os.kill(self.process.pid, signal.SIGCONT)

    def connections_made(self) -> int:
        """So far; whoever it did not answer in time makes another."""
        with Redis.from_url(self.url) as client:
            found: Any = client.info("stats")
        return int(found["total_connections_received"])

    def _answers(self) -> bool:
        try:
            with Redis.from_url(self.url) as client:
                return bool(client.ping())
        except RedisError:
            return False


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    need("redis-server")
    server = RedisServer(tmp_path)
    server.start()
    yield server
    if server.process is not None:
        server.go_on()
    server.stop()
