"""``scripts/benchmark notifications``: how long two workers take to make the digests of one turn.

All entries are due at once. The workers deliver as well, to a mail server that is a process of its own on the
same cores, as PostgreSQL is.
"""

import sys
import time
from argparse import Namespace
from contextlib import ExitStack

import psycopg

from tests.tools.benchmarks.deliveries import Sinks, worker

ACTIVE = "UPDATE channels_api_communicationchannel SET workflow_state = 'active', bounce_count = 0"
PEOPLE = 20_000
ENTRIES_EACH = 5
TURN = 15 * 60  # seconds
DISPATCHES = """
INSERT INTO notifications_dispatch
    (account_id, notification_id, idempotency_key, parameters_digest, subject, body, html_body, short, url,
     from_name, course_name, object_id, workflow_state, recipients_count, unknown_count, unknown, withheld,
     failure, created_at)
SELECT 1, id, '', '', name || ': something happened', repeat('What happened, and what it means. ', 20), '',
    name, 'https://example.edu/', '', 'Physics 101', 'thing:' || id, 'completed', %(people)s, 0, '[]', '{}',
    '', now()
FROM notifications_notification WHERE category_id NOT IN (
    SELECT id FROM notifications_notificationcategory WHERE slug IN ('registration', 'migration')
) ORDER BY id LIMIT 50
"""
ENTRIES = """
WITH people AS (
    SELECT DISTINCT ON (user_id) user_id, id AS channel_id, address FROM channels_api_communicationchannel
    WHERE type = 'email' AND user_id <= %(people)s ORDER BY user_id, position
), said AS (
    SELECT id, notification_id, object_id, row_number() OVER (ORDER BY id) - 1 AS place
    FROM notifications_dispatch
)
INSERT INTO notifications_message
    (user_id, channel_id, account_id, dispatch_id, notification_id, object_id, kind, type, frequency, address,
     subject, body, mandatory, workflow_state, waits_for, due_at, attempts, failure, devices,
     provider_id, created_at, updated_at)
SELECT user_id, channel_id, 1, said.id, notification_id, object_id, 'digest_entry', 'email', 'daily', address,
    '', '', false, 'staged', 'digest', now(), 0, '', '{}', '', now(), now()
FROM people CROSS JOIN generate_series(1, %(each)s) AS number
JOIN said ON said.place = (user_id * 7 + number * 11) %% (SELECT count(*) FROM said)
"""
JOB = """
INSERT INTO procrastinate_jobs (queue_name, task_name, args)
VALUES ('default', 'notifications.make_digests', '{"timestamp": 0}')
"""
WAITING = (
    "SELECT count(*) FROM notifications_message WHERE workflow_state = 'staged' AND waits_for = 'digest'"
)
MADE = "SELECT count(*), count(DISTINCT channel_id) FROM notifications_message WHERE kind = 'digest'"


def measure(options: Namespace, environ: dict[str, str]) -> None:
    with ExitStack() as stack:
        sinks = stack.enter_context(Sinks())
        environ = environ | sinks.settings | {"WORKER_CONCURRENCY": str(options.concurrency)}
        database = stack.enter_context(psycopg.connect(environ["DATABASE_URL"], autocommit=True))
        sizes = {"people": PEOPLE, "each": ENTRIES_EACH}
        database.execute(ACTIVE)
        database.execute(DISPATCHES, sizes)
        entries = database.execute(ENTRIES, sizes).rowcount
        database.execute("VACUUM ANALYZE notifications_message, notifications_dispatch")
        for _ in range(2):
            stack.enter_context(worker(environ))
        database.execute(JOB)
        began = time.monotonic()
        while database.execute(WAITING).fetchone() != (0,):
            if time.monotonic() - began > TURN:
                sys.exit("one turn was not enough")
            time.sleep(0.2)
        seconds = time.monotonic() - began
        if database.execute(MADE).fetchone() != (PEOPLE, PEOPLE):
            sys.exit("not everybody has one digest")
        print(f"digests: {entries} entries of {PEOPLE} people in {seconds:.0f} s by two workers")
