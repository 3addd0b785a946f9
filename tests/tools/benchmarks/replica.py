"""``scripts/benchmark replica``: lists from the primary alone, and from a replica, with eight connections.

Both PostgreSQLs, the web processes, a worker and the load share the cores: what counts is how much CPU each
PostgreSQL takes for 1,000 lists.
"""

import statistics
from argparse import Namespace
from collections import defaultdict
from contextlib import suppress

import psutil

from canvas_channels.demo.postgres import EmbeddedPostgres
from tests.standby import standby_of
from tests.tools.benchmarks.databases import prepared
from tests.tools.benchmarks.deliveries import worker
from tests.tools.benchmarks.loads import load
from tests.tools.benchmarks.servers import ours, running

CONNECTIONS = 8


def measure(postgres: EmbeddedPostgres, options: Namespace) -> None:
    environ = prepared(postgres, options.users)
    database = f"users_{options.users}"
    found: dict[tuple[int, str], list[float]] = defaultdict(list)
    with (
        standby_of(postgres) as standby,
        worker(environ),
        running(
            [(ours, environ), (ours, environ | {"DATABASE_REPLICA_URL": standby.url(database)})]
        ) as servers,
    ):
        for round_ in range(options.rounds):
            for at, server in enumerate(servers):
                before = cpu(postgres), cpu(standby)
                figures = load(server, "list", CONNECTIONS, options.seconds, round_)
                lists = figures["rps"] * options.seconds
                figures["primary"] = 1000 * (cpu(postgres) - before[0]) / lists
                figures["replica"] = 1000 * (cpu(standby) - before[1]) / lists
                for name, value in figures.items():
                    found[at, name].append(value)
    names = {
        "rps": "lists a second",
        "p50": "p50, ms",
        "p99": "p99, ms",
        "cpu": "web CPU of 1,000, s",
        "primary": "primary's CPU of 1,000, s",
        "replica": "replica's CPU of 1,000, s",
    }
    print(f"{'':28}{'alone':>10}{'with a replica':>16}{'ratio':>8}")
    for key, name in names.items():
        alone, replicated = (statistics.median(found[at, key]) for at in range(2))
        ratio = f"{replicated / alone:8.2f}" if alone else ""
        print(f"{name:28}{alone:10.3f}{replicated:16.3f}{ratio}")


def cpu(postgres: EmbeddedPostgres) -> float:
    """Seconds of a server's processes so far."""
    assert postgres.process is not None
    total = 0.0
    for process in psutil.Process(postgres.process.pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            total += sum(process.cpu_times()[:2])
    return total
