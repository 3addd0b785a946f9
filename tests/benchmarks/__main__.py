"""``scripts/benchmark``: seeds, starts, checks, loads, prints."""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from canvas_channels.demo.postgres import EmbeddedPostgres
from tests.benchmarks.seed import TOKENS, seed
from tests.benchmarks.servers import COMMANDS, ROOT, Server, start

SCRIPT = Path(__file__).with_name("load.lua")
CONNECTIONS = (1, 8, 32)
ENVIRON = {
    "SECRET_KEY": "only-for-benchmarks",
    "PUBLIC_URL": "http://127.0.0.1",
    "DEMO": "true",  # lifts the limits on messages and the throttle's marks
}

Figures = dict[str, float]
Results = dict[tuple[str, int], dict[str, list[Figures]]]


def load(server: Server, action: str, connections: int, seconds: int, round_: int) -> Figures:
    """One run of wrk; CPU is the server's own, in seconds per 1,000 requests."""
    environ = {"TOKENS": str(TOKENS), "ACTION": action, "ROUND": f"{server.name}{connections}.{round_}"}
    before = server.cpu_seconds()
    wrk = [
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{seconds}s",
        "--timeout",
        "10s",
        "-s",
        str(SCRIPT),
        server.url,
    ]
    output = subprocess.run(
        wrk, env=os.environ | environ, capture_output=True, text=True, timeout=seconds + 60, check=True
    ).stdout
    [line] = [line for line in output.splitlines() if line.startswith("RESULT ")]
    result = json.loads(line.removeprefix("RESULT "))
    if result["errors"]:
        sys.exit(f"{server.name}: {result['errors']} of {result['requests']} answers to {action} were errors")
    return {
        "rps": result["requests"] / result["seconds"],
        "p50": result["p50"],
        "p99": result["p99"],
        "cpu": 1000 * (server.cpu_seconds() - before) / result["requests"],
    }


def check_alike(servers: list[Server]) -> None:
    """No figure is bought with a wrong answer."""
    first, *others = [json.loads(server.ask()) for server in servers]
    for server, other in zip(servers[1:], others, strict=True):
        if other != first:
            sys.exit(f"{server.name} answers {other}, not {first}")


def measure(servers: list[Server], rounds: int, seconds: int) -> Results:
    """Interleaved: each round loads every server before the next begins."""
    results: Results = defaultdict(lambda: defaultdict(list))
    for round_ in range(rounds):
        for action in ("list", "create"):
            for connections in CONNECTIONS:
                for server in servers:
                    if action == "create" and server.name == "bare":
                        continue
                    figures = load(server, action, connections, seconds, round_)
                    results[action, connections][server.name].append(figures)
    return results


def report(results: Results, servers: list[Server]) -> None:
    print(f"{'':24}{'requests/s':>12}{'p50 ms':>9}{'p99 ms':>9}{'CPU s/1000':>12}   ratio to ours")
    for (action, connections), by_server in results.items():
        medians = {
            name: {key: statistics.median(run[key] for run in runs) for key in runs[0]}
            for name, runs in by_server.items()
        }
        for name, figures in medians.items():
            ratio = medians["ours"]["rps"] / figures["rps"]
            print(
                f"{action:7}{connections:3}  {name:12.12}{figures['rps']:12.0f}{figures['p50']:9.2f}"
                f"{figures['p99']:9.2f}{figures['cpu']:12.3f}   {ratio:.2f} x, p99 "
                f"{medians['ours']['p99'] / figures['p99']:.2f} x"
            )
    for server in servers:
        print(f"memory (PSS) of {server.name}: {server.pss_megabytes():.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/benchmark", description=__doc__)
    parser.add_argument("--users", type=int, default=200_000, help="with five channels each")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=8, help="of each load")
    options = parser.parse_args()
    if not shutil.which("wrk"):
        sys.exit("scripts/benchmark needs wrk: apt-get install wrk")
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder) / "data") as postgres:
        environ = ENVIRON | {"DATABASE_URL": postgres.url()}
        migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        subprocess.run(migrate, cwd=ROOT, env=os.environ | environ, check=True)
        print(f"seeding {options.users} users ...", flush=True)
        seed(environ["DATABASE_URL"], options.users)
        servers: list[Server] = []
        try:
            for name in COMMANDS:
                servers.append(start(name, environ))
            check_alike(servers)
            report(measure(servers, options.rounds, options.seconds), servers)
        finally:
            for server in servers:
                server.stop()


if __name__ == "__main__":
    main()
