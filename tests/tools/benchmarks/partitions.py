"""``scripts/benchmark partitions``: a copy of all channels beside one in 16 partitions by user.

Both have the service's indexes; the partitions' primary key begins with the user, as it has to, and another
index leads to an id. One connection asks them in turn. Times are medians, but for vacuum's.
"""

import random
import re
import statistics
import time
from argparse import Namespace
from collections.abc import Callable
from functools import partial
from typing import Any

import psycopg
from psycopg import sql

CHANNELS = "channels_api_communicationchannel"
PARTITIONS = 16
TIMES = 1000  # of each statement
TABLES = ("plain", "parted")
INDEXES = "SELECT indexdef FROM pg_indexes WHERE tablename = %s AND indexname NOT LIKE %s"
SIZES = """
SELECT sum(pg_table_size(relid)) / 1048576, sum(pg_indexes_size(relid)) / 1048576
FROM (SELECT %(table)s::regclass AS relid UNION SELECT relid FROM pg_partition_tree(%(table)s)) AS all_of_it
"""
STATEMENTS = {
    "list of a user": (
        "SELECT id, address, type, position, workflow_state FROM {table} "
        "WHERE user_id = %(user)s AND workflow_state IN ('unconfirmed', 'active') ORDER BY position, id"
    ),
    "channel by its id": "SELECT address FROM {table} WHERE id = %(id)s",
    "by its id and its user": "SELECT address FROM {table} WHERE id = %(id)s AND user_id = %(user)s",
    "create": (
        "INSERT INTO {table} (user_id, type, address, address_folded, workflow_state, position, "
        "institutional, bounce_count, created_at, updated_at) VALUES (%(user)s, 'email', %(new)s, %(new)s, "
        "'unconfirmed', 9, false, 0, now(), now()) RETURNING id"
    ),
    "change by id": "UPDATE {table} SET bounce_count = bounce_count + 1 WHERE id = %(id)s",
}

Database = psycopg.Connection[Any]


def measure(options: Namespace, environ: dict[str, str]) -> None:
    with psycopg.connect(environ["DATABASE_URL"], autocommit=True) as database:
        make(database)
        print(f"{'':42}{'one table':>12}{f'{PARTITIONS} partitions':>16}{'ratio':>8}", flush=True)
        for name, statement in STATEMENTS.items():
            show(f"{name}, ms", *asked(database, statement, options.users))
        sizes = [database.execute(SIZES, {"table": table}).fetchone() or (0, 0) for table in TABLES]
        show("table, MB", *(float(data) for data, _ in sizes))
        show("indexes, MB", *(float(indexes) for _, indexes in sizes))
        show("vacuum after a change of each twentieth, s", *(vacuumed(database, table) for table in TABLES))


def show(name: str, plain: float, parted: float) -> None:
    print(f"{name:42}{plain:12.3f}{parted:16.3f}{parted / plain:8.2f}", flush=True)


def vacuumed(database: Database, table: str) -> float:
    named = sql.Identifier(table)
    change = "UPDATE {} SET bounce_count = bounce_count + 1 WHERE user_id % 20 = 0"
    database.execute(sql.SQL(change).format(named))
    return seconds(partial(database.execute, sql.SQL("VACUUM {}").format(named)))


def make(database: Database) -> None:
    """The two copies, with indexes made after their rows."""
    database.execute("SET maintenance_work_mem = '512MB'")
    database.execute("SET synchronous_commit = off")  # a disk takes as long for either
    database.execute(f"CREATE TABLE plain (LIKE {CHANNELS} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
    database.execute(
        f"CREATE TABLE parted (LIKE {CHANNELS} INCLUDING DEFAULTS INCLUDING CONSTRAINTS) "
        "PARTITION BY HASH (user_id)"
    )
    for number in range(PARTITIONS):
        database.execute(
            f"CREATE TABLE parted_{number} PARTITION OF parted "
            f"FOR VALUES WITH (MODULUS {PARTITIONS}, REMAINDER {number})"
        )
    database.execute("CREATE SEQUENCE copied START 1000000000")
    definitions = database.execute(INDEXES, [CHANNELS, "%_pkey"]).fetchall()
    for table, key in (("plain", "id"), ("parted", "user_id, id")):
        database.execute(f"ALTER TABLE {table} ALTER COLUMN id SET DEFAULT nextval('copied')")
        database.execute(f"INSERT INTO {table} SELECT * FROM {CHANNELS}")
        database.execute(f"ALTER TABLE {table} ADD PRIMARY KEY ({key})")
        for (definition,) in definitions:
            database.execute(re.sub(r"INDEX (\S+) ON \S+", rf"INDEX {table}_\1 ON {table}", definition))
        database.execute(f"CREATE INDEX {table}_by_id ON {table} (id)" if table == "parted" else "SELECT")
        database.execute(f"VACUUM ANALYZE {table}")
    database.execute("CHECKPOINT")


def asked(database: Database, statement: str, users: int) -> list[float]:
    """Milliseconds of a statement on each table, which take turns."""
    took: dict[str, list[float]] = {table: [] for table in TABLES}
    queries = {table: sql.SQL(statement).format(table=sql.Identifier(table)) for table in TABLES}
    for number in range(TIMES):
        user = random.randint(1, users)
        [row] = database.execute("SELECT min(id) FROM plain WHERE user_id = %s", [user])
        given = {"user": user, "id": row[0], "new": f"{time.monotonic_ns()}@example.edu"}
        for table in TABLES if number % 2 else TABLES[::-1]:
            took[table].append(seconds(partial(database.execute, queries[table], given)))
    return [1000 * statistics.median(times) for times in took.values()]


def seconds(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began
