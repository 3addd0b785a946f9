"""``scripts/benchmark``: seeds, starts, checks, loads, prints."""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import psycopg

from canvas_channels.demo.postgres import EmbeddedPostgres
from tests.tools.benchmarks import (
    deliveries,
    fan_out,
    growth,
    moving_in,
    notifications,
    outage,
    overload,
    partitions,
    queue,
    record,
    replica,
    soak,
)
from tests.tools.benchmarks.databases import prepared
from tests.tools.benchmarks.loads import Figures, load
from tests.tools.benchmarks.seed import TOKENS, token_of
from tests.tools.benchmarks.servers import Server, asynchronous, bare, ours, running, straightforward

CONNECTIONS = (1, 8, 32)
DELIVERING = {
    "deliveries": deliveries.measure,
    "outage": outage.measure,
    "queue": queue.measure,
    "soak": soak.measure,
}
ON_SERVER = {"record": record.measure, "replica": replica.measure}

OWN = {"id", "user_id", "address", "created_at"}
WRITTEN = """
SELECT confirmation.workflow_state, entry.action, entry.details, job.task_name, job.priority, job.status,
    job.args ->> 'confirmation_id' = confirmation.id::text
FROM channels_api_confirmation confirmation
JOIN channels_api_auditentry entry ON entry.channel_id = confirmation.channel_id
JOIN procrastinate_jobs job ON job.lock = 'confirmation:' || confirmation.id
WHERE confirmation.channel_id = %s
"""

Results = dict[tuple[str, int], dict[str, list[Figures]]]


def check_alike(servers: list[Server]) -> None:
    """No figure is bought with a wrong answer."""
    for number in range(1, TOKENS, 97):
        first, *others = [json.loads(server.ask(token=token_of(number))) for server in servers]
        for server, other in zip(servers[1:], others, strict=True):
            if other != first:
                sys.exit(f"{server.name} answers {other}, not {first}")


def check_created(servers: list[Server], database_url: str) -> None:
    """The same of creates, and that the bare function writes the same rows."""
    answers, written = {}, {}
    with psycopg.connect(database_url) as database:
        for number, server in enumerate(servers, 1):
            given = {"type": "email", "address": f"alike{number}@example.edu"}
            body = {**given, "communication_channel": given}
            answer = json.loads(server.ask(token=token_of(number), method="POST", given=body))
            if answer["address"] != given["address"]:
                sys.exit(f"{server.name} answers {answer} to {given}")
            answers[server.name] = {name: value for name, value in answer.items() if name not in OWN}
            written[server.name] = database.execute(WRITTEN, [answer["id"]]).fetchall()
    for name, answer in answers.items():
        if answer != answers["ours"]:
            sys.exit(f"{name} answers {answer} to a create, not {answers['ours']}")
    if len(written["ours"]) != 1 or written["bare"] != written["ours"]:
        sys.exit(f"bare writes {written['bare']}, not {written['ours']}")


def measure(servers: list[Server], rounds: int, seconds: int) -> Results:
    """Interleaved: each round loads every server before the next begins."""
    results: Results = defaultdict(lambda: defaultdict(list))
    for round_ in range(rounds):
        for action in ("list", "create"):
            for connections in CONNECTIONS:
                for server in servers:
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
        print(
            f"{server.name}: {server.pss_megabytes():.0f} MB (PSS), "
            f"first answer {server.started_in:.1f} s after its start"
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/benchmark", description=__doc__)
    parser.add_argument(
        "what",
        choices=["serving", "moving_in", "notifications", "overload", "partitions", *ON_SERVER, *DELIVERING],
        nargs="?",
        default="serving",
    )
    parser.add_argument("--users", type=int, default=200_000, help="with five channels each")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=8, help="of each load")
    parser.add_argument(
        "--growth", action="store_true", help="10,000,000 channels against 1,000,000 and 10,000"
    )
    parser.add_argument("--jobs", type=int, default=2000, help="deliveries in a round")
    parser.add_argument("--requests", type=int, default=200, help="of each kind in a part of outage")
    parser.add_argument("--concurrency", type=int, default=16, help="the worker's")
    options = parser.parse_args()
    if options.what in {"serving", "overload", "replica"} and not shutil.which("wrk"):
        sys.exit("scripts/benchmark needs wrk: apt-get install wrk")
    with tempfile.TemporaryDirectory() as folder:
        run(EmbeddedPostgres(Path(folder) / "data"), options)


def run(embedded: EmbeddedPostgres, options: argparse.Namespace) -> None:
    embedded.settings = embedded.settings | {"shared_buffers": "1GB"}  # the demo's few would be no server's
    if options.what == "queue":
        embedded.settings = embedded.settings | {"autovacuum_naptime": "10s"}  # a minute is long to wait
    with embedded as postgres:
        if options.what == "notifications":
            environ = prepared(postgres, notifications.PEOPLE)
            fan_out.measure(options, environ)
            notifications.measure(options, environ)
            return
        if options.what == "moving_in":
            moving_in.measure(postgres)
            return
        if options.what == "overload":
            overload.measure(options, prepared(postgres, overload.USERS))
            return
        if options.what == "partitions":
            partitions.measure(options, prepared(postgres, options.users))
            return
        if options.what in ON_SERVER:
            ON_SERVER[options.what](postgres, options)
            return
        if measure_deliveries := DELIVERING.get(options.what):
            environ = prepared(postgres, options.jobs)
            deliveries.prepare(environ["DATABASE_URL"])
            measure_deliveries(options, environ)
            return
        if options.growth:
            growth.compare(postgres, options.rounds, options.seconds)
            return
        environ = prepared(postgres, options.users)
        with running(
            [(command, environ) for command in (ours, straightforward, bare, asynchronous)]
        ) as servers:
            check_alike(servers)
            check_created(servers, environ["DATABASE_URL"])
            report(measure(servers, options.rounds, options.seconds), servers)


if __name__ == "__main__":
    main()
