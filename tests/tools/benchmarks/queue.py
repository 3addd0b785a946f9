"""``scripts/benchmark queue``: what 200,000 jobs of a bulk cost others while the mail server is away.

Each round asks for creates and lists with an empty queue, then with a full one, whose jobs have failed and
are due within the hour. What the creates themselves left to be tried again is forgotten before what follows.
Somebody asks for a confirmation, all jobs fall due, and the mail server is back: how long that one takes, how
long one that is asked for then, and how many jobs the worker does a second, against 1,000 alone. The sizes
are of the queue's tables: before, in the midst, and once autovacuum was there.
"""

import statistics
import sys
import time
from argparse import Namespace
from collections import defaultdict
from contextlib import ExitStack, suppress
from typing import Any, LiteralString

import psycopg

from tests.tools.benchmarks.deliveries import CONFIRMATIONS, Sinks, drain, worker
from tests.tools.benchmarks.outage import Client, Seconds
from tests.tools.benchmarks.servers import Server, ours, running

WAITING = 200_000
FEW = 1000
LISTS = 10  # for each create
PACE_SECONDS = 15
HEARD_SECONDS = 15  # until the worker has read of as many new jobs as come at once here only
PATIENCE = 90.0  # seconds, until the benchmark gives up
TRIES = 12  # of the one who asked while the mail server was away; the usual wait is an hour by then

FILL = """
WITH asked AS (
    INSERT INTO channels_api_confirmation
        (channel_id, user_id, address_folded, workflow_state, wrong_tries, failure, created_at)
    SELECT id, user_id, address_folded, 'requested', 0, 'away', now()
    FROM channels_api_communicationchannel, generate_series(1, %(jobs)s)
    WHERE workflow_state = 'unconfirmed' AND type = 'email' LIMIT %(jobs)s
    RETURNING id
)
INSERT INTO procrastinate_jobs (queue_name, task_name, lock, args, priority, attempts, scheduled_at)
SELECT 'default', 'notifications.send_confirmation', 'confirmation:' || id,
       jsonb_build_object('confirmation_id', id), -20, 10, now() + random() * interval '1 hour'
FROM asked
"""
DUE = "UPDATE procrastinate_jobs SET scheduled_at = now() WHERE status = 'todo' AND priority = -20"
SETTLE = "VACUUM ANALYZE procrastinate_jobs, procrastinate_events, channels_api_confirmation"
EMPTY = "DELETE FROM procrastinate_jobs WHERE status = 'todo'"
FORGET = "DELETE FROM procrastinate_jobs WHERE status <> 'doing'"
OF_CREATES = "DELETE FROM procrastinate_jobs WHERE status = 'todo' AND priority > -20"
NEWEST = "SELECT max(id) FROM channels_api_confirmation"
FAILED_LONG = """
WITH aged AS (
    UPDATE procrastinate_jobs SET attempts = %(tries)s
    WHERE lock = 'confirmation:' || %(id)s AND status = 'todo' AND attempts > 0 RETURNING 1
) SELECT count(*) FROM aged
"""
IS_SENT = "SELECT count(*) FROM channels_api_confirmation WHERE id = %(id)s AND workflow_state = 'sent'"
SENT = "SELECT count(*) FROM channels_api_confirmation WHERE workflow_state = 'sent'"
MEGABYTES = """
SELECT sum(pg_table_size(oid)) / 1048576, sum(pg_indexes_size(oid)) / 1048576
FROM pg_class WHERE relname IN ('procrastinate_jobs', 'procrastinate_events')
"""

Database = psycopg.Connection[Any]


def measure(options: Namespace, environ: dict[str, str]) -> None:
    took: dict[str, Seconds] = {"empty": defaultdict(list), "full": defaultdict(list)}
    with ExitStack() as stack:
        sinks = stack.enter_context(Sinks())
        environ = environ | sinks.settings | {"WORKER_CONCURRENCY": str(options.concurrency)}
        database = stack.enter_context(psycopg.connect(environ["DATABASE_URL"], autocommit=True))
        [server] = stack.enter_context(running([(ours, environ)]))
        stack.enter_context(worker(environ))
        client = Client(server)
        client.ask(options.requests // 4)
        for _ in range(options.rounds):
            few = pace_of_few(database)
            sizes = [megabytes(database)]
            sinks.be("refusing")
            settle(database)
            ask(took["empty"], client, server, database, options.requests)
            database.execute(FILL, {"jobs": WAITING})
            settle(database)  # what comes over time elsewhere
            time.sleep(HEARD_SECONDS)
            ask(took["full"], client, server, database, options.requests)
            waited = wait(client, database)
            have_all_due(database)
            settle(database)
            sizes.append(megabytes(database))
            sinks.be("up")
            before = seconds_until_sent(database, waited)
            after = seconds_until_sent(database, person(client, database))
            pace = pace_of_many(database)
            sizes.append(empty(database))
            print(
                f"a confirmation asked for before, after: {before:.1f}, {after:.1f} s; "
                f"{pace:.0f} jobs a second, {pace / few:.2f} of those with {FEW}; "
                "MB of tables and indexes: "
                + ", ".join(f"{tables:.0f} + {indexes:.0f}" for tables, indexes in sizes),
                flush=True,
            )
    print(f"{'':16}{'empty ms':>10}{'full ms':>10}{'ratio':>8}")
    for kind in took["empty"]:
        for centile in (50, 99):
            bare, full = (1000 * statistics.quantiles(of[kind], n=100)[centile - 1] for of in took.values())
            print(f"{kind:10} p{centile:<4}{bare:10.2f}{full:10.2f}{full / bare:8.2f}")


def ask(took: Seconds, client: Client, server: Server, database: Database, requests: int) -> None:
    client.ask(10)
    took["create"] += client.ask(requests)["create"]
    database.execute(OF_CREATES)
    for _ in range(LISTS * requests):
        began = time.perf_counter()
        server.ask()
        took["list"].append(time.perf_counter() - began)


def settle(database: Database) -> None:
    database.execute(SETTLE)
    database.execute("CHECKPOINT")


def have_all_due(database: Database) -> None:
    """The worker locks jobs in another order."""
    while True:
        with suppress(psycopg.errors.DeadlockDetected):
            database.execute(DUE)
            return


def person(client: Client, database: Database) -> int:
    """Somebody asks for a confirmation; its id."""
    client.ask(1)
    return int(scalar(database, NEWEST))


def wait(client: Client, database: Database) -> int:
    """The same, tried in vain for as long as an hour."""
    asked = person(client, database)
    began = time.monotonic()
    while not scalar(database, FAILED_LONG, id=asked, tries=TRIES):
        give_up_after(began)
        time.sleep(0.05)
    return asked


def seconds_until_sent(database: Database, confirmation: int) -> float:
    began = time.monotonic()
    while not scalar(database, IS_SENT, id=confirmation):
        give_up_after(began)
        time.sleep(0.01)
    return time.monotonic() - began


def pace_of_few(database: Database) -> float:
    database.execute(CONFIRMATIONS.replace("%(jobs)s", str(FEW)))
    return FEW / drain(database)


def pace_of_many(database: Database) -> float:
    before, began = scalar(database, SENT), time.monotonic()
    time.sleep(PACE_SECONDS)
    return (scalar(database, SENT) - before) / (time.monotonic() - began)


def empty(database: Database) -> tuple[float, float]:
    """The sizes once all jobs are gone and autovacuum was there."""
    database.execute(EMPTY)
    drain(database)
    database.execute(FORGET)
    began = time.monotonic()
    most = megabytes(database)[0] / 2
    while megabytes(database)[0] > most:
        give_up_after(began)
        time.sleep(1)
    return megabytes(database)


def megabytes(database: Database) -> tuple[float, float]:
    """Of the queue's tables, and of their indexes."""
    [tables, indexes] = database.execute(MEGABYTES).fetchone() or (0, 0)
    return float(tables), float(indexes)


def scalar(database: Database, query: LiteralString, **values: object) -> float:
    row = database.execute(query, values).fetchone()
    return float(row[0]) if row else 0.0


def give_up_after(began: float) -> None:
    if time.monotonic() - began > PATIENCE:
        sys.exit(f"{PATIENCE} s were not enough")
