"""``scripts/benchmark --growth``: the same calls on 100 and on 1,000 times as many rows, side by side."""

import json
import sys
import time
from statistics import median

import psycopg

from canvas_channels.demo.postgres import EmbeddedPostgres
from tests.tools.benchmarks.databases import prepared
from tests.tools.benchmarks.deliveries import drain, worker
from tests.tools.benchmarks.loads import load
from tests.tools.benchmarks.seed import ADMIN, CHANNELS_EACH, REPORTED, token_of
from tests.tools.benchmarks.servers import PATH, Server, ours, running

SIZES = (10_000, 1_000_000, 10_000_000)
REPORTS = "/api/v1/accounts/1"
BOUNCING, UNCONFIRMED = (f"{REPORTS}/{name}_communication_channels" for name in ("bouncing", "unconfirmed"))
CALLS = {
    "100 channels": f"{PATH}?per_page=100",
    "bouncing report": f"{BOUNCING}.csv",
    "unconfirmed report": f"{UNCONFIRMED}.csv",
    "report, no match": f"{UNCONFIRMED}.csv?pattern=nobody*",
}


BULK = {
    "bulk confirm": (f"{UNCONFIRMED}/confirm", {"confirmed_count": REPORTED}),
    "bulk reset": (f"{BOUNCING}/reset", {"scheduled_reset_approximate_count": REPORTED}),
}
WORKS = "SELECT EXISTS (SELECT FROM procrastinate_workers)"


def compare(postgres: EmbeddedPostgres, rounds: int, seconds: int) -> None:
    environs = [prepared(postgres, channels // CHANNELS_EACH) for channels in SIZES]
    with running([(ours, environ) for environ in environs]) as servers:
        runs = [[load(server, "list", 8, seconds, n)["rps"] for server in servers] for n in range(rounds)]
        print(f"{'':24}" + "".join(f"{channels:>14,}" for channels in SIZES))
        rates = [median(of_one) for of_one in zip(*runs, strict=True)]
        show("list, 8 connections", rates, "a second")
        show("", [rate / rates[0] for rate in rates], "x", digits=2)
        for name, path in CALLS.items():
            show(name, [milliseconds(server, path) for server in servers], "ms", digits=1)
        done = [bulk(server, environ) for server, environ in zip(servers, environs, strict=True)]
        for name in BULK:
            show(name, [taken[name] for taken in done], "ms, once")


def show(name: str, figures: list[float], unit: str, digits: int = 0) -> None:
    print(f"{name:24}" + "".join(f"{figure:>14,.{digits}f}" for figure in figures) + f" {unit}", flush=True)


def bulk(server: Server, environ: dict[str, str]) -> dict[str, float]:
    """Milliseconds to act on all channels of a report, until a worker has done its part."""
    taken = {}
    with worker(environ), psycopg.connect(environ["DATABASE_URL"], autocommit=True) as database:
        while database.execute(WORKS).fetchone() != (True,):
            time.sleep(0.1)
        for name, (path, answer) in BULK.items():
            started = time.perf_counter()
            if (found := json.loads(server.ask(path, token_of(ADMIN), method="POST"))) != answer:
                sys.exit(f"{path} answers {found}")
            drain(database)
            taken[name] = 1000 * (time.perf_counter() - started)
    return taken


def milliseconds(server: Server, path: str) -> float:
    """The median of some calls by the site admin."""
    taken = []
    for _ in range(15):
        started = time.perf_counter()
        server.ask(path, token_of(ADMIN))
        taken.append(1000 * (time.perf_counter() - started))
    return median(taken)
