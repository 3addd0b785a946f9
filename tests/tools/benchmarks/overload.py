"""``scripts/benchmark overload``: what becomes of requests when twice as many come as can be done.

How many can be done is measured first, by clients that ask again at once. Then clients that pause after each
answer send twice as many; how many clients that takes is found out by trying, as those who wait do not ask.
"""

import os
import re
import statistics
import subprocess
from argparse import Namespace
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from tests.tools.benchmarks.seed import TOKENS
from tests.tools.benchmarks.servers import Server, ours, running

SCRIPT = Path(__file__).with_suffix(".lua")
CLIENTS = 32  # that ask again at once
PAUSE = 1000  # ms, on average, of the others
FACTOR = 2.0
ENOUGH = 0.97  # of it
TRIES = 4
USERS = 10_000
WARM_UP = 3  # seconds
NAMES = {200: "accepted", 503: "refused"}


class Found(NamedTuple):
    """Milliseconds of each answer by its status."""

    seconds: float
    unanswered: int
    times: dict[int, list[float]]

    def pace(self, status: int) -> float:
        return len(self.times.get(status, ())) / self.seconds

    @property
    def offered(self) -> float:
        """How many requests came a second."""
        return (sum(map(len, self.times.values())) + self.unanswered) / self.seconds


def load(server: Server, action: str, clients: int, pause: int, seconds: int) -> Found:
    once = f"{server.port}.{clients}.{pause}.{os.urandom(4).hex()}"  # makes addresses new
    environ = {"TOKENS": str(TOKENS), "ACTION": action, "PAUSE": str(pause), "ROUND": once}
    wrk = ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "30s", "-s", str(SCRIPT), server.url]
    output = subprocess.run(
        wrk, env=os.environ | environ, capture_output=True, text=True, timeout=seconds + 60, check=True
    ).stdout
    times: dict[int, list[float]] = defaultdict(list)
    for status, milliseconds in re.findall(r"^ANSWER (\d+) (\S+)$", output, re.MULTILINE):
        times[int(status)].append(float(milliseconds))
    [(lasted, unanswered)] = re.findall(r"^DONE (\S+) (\d+)$", output, re.MULTILINE)
    return Found(float(lasted), int(unanswered), times)


def measure(options: Namespace, environ: dict[str, str]) -> None:
    print(f"{'':20}{'a second':>10}{'p50 ms':>9}{'p99 ms':>9}")
    with running([(ours, environ | {"TRUST_PROXY_HEADERS": "true"})]) as [server]:
        for action in ("list", "create"):
            load(server, action, CLIENTS, 0, WARM_UP)
            for _ in range(options.rounds):
                most = load(server, action, CLIENTS, 0, options.seconds)
                _print(action, "can be done", most, 200)
                found = overload(server, action, FACTOR * most.pace(200), options.seconds)
                print(f"{'':8}{'offered':12}{found.offered:10.0f}")
                for status in sorted(found.times):
                    _print("", NAMES.get(status, str(status)), found, status)
                print(f"{'':8}{'unanswered':12}{found.unanswered / found.seconds:10.0f}", flush=True)


def overload(server: Server, action: str, offered: float, seconds: int) -> Found:
    """What becomes of so many requests a second."""
    clients = int(offered * PAUSE / 1000)
    for _ in range(TRIES):
        found = load(server, action, clients, PAUSE, seconds)
        if found.offered >= ENOUGH * offered:
            break
        clients = int(clients * offered / found.offered)
    return found


def _print(action: str, name: str, found: Found, status: int) -> None:
    centiles = statistics.quantiles(found.times[status] * 2, n=100)
    print(f"{action:8}{name:12}{found.pace(status):10.0f}{centiles[49]:9.1f}{centiles[98]:9.1f}")
