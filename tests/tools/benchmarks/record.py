"""``scripts/benchmark record``: lists of messages on 10,000 rows and on ten million, side by side.

A user has as many messages in both: it is the others' that grow. Then how long the night's removal takes.
"""

import json
import sys
import time
from argparse import Namespace
from statistics import median

import psycopg

from canvas_channels.demo.postgres import EmbeddedPostgres
from tests.tools.benchmarks.databases import prepared
from tests.tools.benchmarks.deliveries import drain, worker
from tests.tools.benchmarks.growth import show
from tests.tools.benchmarks.seed import ADMIN, token_of
from tests.tools.benchmarks.servers import ours, running

SIZES = (10_000, 10_000_000)
EACH = 100  # messages of a user
USERS = (20_000, 110_000)  # some of whom were sent nothing
OLD = 100_000  # rows that are a year old
TOKEN = 1  # of user 38, who is among the first hundred
CALLS = {
    "users/self/messages": ("/api/v1/users/self/messages", TOKEN),
    "the last page of it": ("/api/v1/users/self/messages?page=10", TOKEN),
    "comm_messages": ("/api/v1/comm_messages?user_id=38&per_page=100", ADMIN),
}
DISPATCH = """
INSERT INTO notifications_dispatch
    (account_id, notification_id, idempotency_key, parameters_digest, subject, body, html_body, short, url,
     from_name, course_name, object_id, workflow_state, recipients_count, unknown_count, unknown, withheld,
     failure, created_at)
SELECT 1, (SELECT id FROM notifications_notification WHERE slug = 'new_announcement'), '', '', 'News',
    repeat('What happened, and what it means. ', 20), '', 'News', '', '', '', '', 'completed', 1, 0, '[]',
    '{}', '', now()
FROM generate_series(1, %(each)s)
"""
MESSAGES = """
WITH said AS (
    SELECT id, notification_id, row_number() OVER (ORDER BY id) AS place FROM notifications_dispatch
)
INSERT INTO notifications_message
    (user_id, account_id, dispatch_id, notification_id, object_id, kind, type, frequency, address, subject,
     body, mandatory, workflow_state, waits_for, attempts, failure, devices, provider_id,
     created_at, updated_at)
SELECT 1 + number / %(each)s, 1, said.id, said.notification_id, '', 'notification', 'email', 'immediately',
    'user@example.edu', '', '', false, 'sent', '', 0, '', '{}', 'm' || number,
    now() - (number %% %(each)s) * interval '20 hours', now()
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS number
JOIN said ON said.place = 1 + number %% %(each)s
"""
AGE = """
UPDATE notifications_message SET created_at = created_at - interval '400 days'
WHERE id IN (SELECT id FROM notifications_message ORDER BY id DESC LIMIT %(old)s)
"""
PRUNE = """
INSERT INTO procrastinate_jobs (queue_name, task_name, args)
VALUES ('default', 'notifications.prune', '{"timestamp": 0}')
"""


def measure(postgres: EmbeddedPostgres, options: Namespace) -> None:
    environs = [prepared(postgres, users) for users in USERS]
    for environ, size in zip(environs, SIZES, strict=True):
        with psycopg.connect(environ["DATABASE_URL"], autocommit=True) as database:
            database.execute(DISPATCH, {"each": EACH})
            for first in range(0, size, 1_000_000):
                last = min(first + 1_000_000, size) - 1
                database.execute(MESSAGES, {"each": EACH, "first": first, "last": last})
            database.execute("VACUUM ANALYZE notifications_message")
    with running([(ours, environ) for environ in environs]) as servers:
        print(f"{'':24}" + "".join(f"{size:>14,}" for size in SIZES) + " messages")
        for name, (path, user) in CALLS.items():
            rounds = []
            for _ in range(options.rounds):
                times = []
                for server in servers:
                    taken = []
                    for _ in range(30):
                        started = time.perf_counter()
                        if not json.loads(server.ask(path, token_of(user))):
                            sys.exit(f"{path} is empty")
                        taken.append(1000 * (time.perf_counter() - started))
                    times.append(median(taken))
                rounds.append(times)
            show(name, [median(times) for times in zip(*rounds, strict=True)], "ms", digits=1)
    environ = environs[-1]
    with psycopg.connect(environ["DATABASE_URL"], autocommit=True) as database:
        database.execute(AGE, {"old": OLD})
        database.execute(PRUNE)
        started = time.perf_counter()
        with worker(environ):
            drain(database)
        print(f"{OLD:,} messages of a year ago removed in {time.perf_counter() - started:.0f} s")
