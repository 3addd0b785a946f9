"""``scripts/serve``'s supervisor, started."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from canvas_channels.demo import serve
from tests import ROOT


def free_ports() -> int:
    """A port that is free together with the next one, of those that no connection gets by itself."""
    while True:
        port = random.randrange(10_000, 30_000, 2)
        if serve.is_free(port) and serve.is_free(port + 1):
            return port


def run_serve(*arguments: str | Path | int, **settings: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "canvas_channels.demo.serve", *map(str, arguments)]
    environment = os.environ | {"AWS_PROFILE": "no-such-profile"} | settings
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


@contextmanager
def serving(*arguments: str | Path | int, **settings: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A started demo, and what it printed."""
    process = run_serve(*arguments, **settings)
    assert process.stdout
    printed: list[str] = []
    try:
        for line in process.stdout:
            printed.append(line)
            if "Ctrl-C" in line:
                break
        else:
            pytest.fail("".join(printed))
        yield process, "".join(printed)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
        process.stdout.close()
