"""``scripts/benchmark --growth``: the same calls on a thousand times as many rows, side by side."""

import time
from statistics import median

from canvas_channels.demo.postgres import EmbeddedPostgres
from tests.benchmarks.databases import prepared
from tests.benchmarks.loads import load
from tests.benchmarks.seed import ADMIN, CHANNELS_EACH, token_of
from tests.benchmarks.servers import PATH, Server, ours, running

SMALL, LARGE = 10_000 // CHANNELS_EACH, 10_000_000 // CHANNELS_EACH
REPORTS = "/api/v1/accounts/1"
CALLS = {
    "100 channels": f"{PATH}?per_page=100",
    "bouncing report": f"{REPORTS}/bouncing_communication_channels.csv",
    "unconfirmed report": f"{REPORTS}/unconfirmed_communication_channels.csv",
    "report, no match": f"{REPORTS}/unconfirmed_communication_channels.csv?pattern=nobody*",
}


def compare(postgres: EmbeddedPostgres, rounds: int, seconds: int) -> None:
    environs = [prepared(postgres, users) for users in (SMALL, LARGE)]
    with running([(ours, environ) for environ in environs]) as servers:
        runs = [[load(server, "list", 8, seconds, n)["rps"] for server in servers] for n in range(rounds)]
        small, large = (median(of_one) for of_one in zip(*runs, strict=True))
        print(f"list, 8 connections: {small:.0f} and {large:.0f} a second, {large / small:.2f} x")
        for name, path in CALLS.items():
            few, many = (milliseconds(server, path) for server in servers)
            print(f"{name}: {few:.1f} and {many:.1f} ms")


def milliseconds(server: Server, path: str) -> float:
    """The median of some calls by the site admin."""
    taken = []
    for _ in range(15):
        started = time.perf_counter()
        server.ask(path, token_of(ADMIN))
        taken.append(1000 * (time.perf_counter() - started))
    return median(taken)
