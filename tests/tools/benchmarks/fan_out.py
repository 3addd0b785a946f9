"""``scripts/benchmark notifications``: how many recipients a second one worker decides.

Each recipient has five channels, four emails and their devices. Two messages of each are written: an
email, which for every fifth is an entry of the daily digest, and a push, which quiet hours hold back for
every tenth; the other emails chose nothing. Earlier messages about the same thing are looked for, and
cancelled. Nothing is delivered meanwhile.
"""

import os
import statistics
import subprocess
import sys
from argparse import Namespace
from typing import LiteralString

import psycopg

RECIPIENTS = 10_000
MESSAGES = 2 * RECIPIENTS
PREPARE: tuple[LiteralString, ...] = (
    "UPDATE channels_api_communicationchannel SET workflow_state = 'active', bounce_count = 0",
    "UPDATE channels_api_communicationchannel SET type = 'push' WHERE position = 3",
    """
    INSERT INTO notifications_notificationpreference (channel_id, notification_id, frequency)
    SELECT c.id, n.id, CASE WHEN position = 1 AND user_id % 5 = 0 THEN 'daily' ELSE 'immediately' END
    FROM channels_api_communicationchannel c, notifications_notification n
    WHERE c.position IN (1, 3) AND n.slug IN ('new_announcement', 'conversation_message')
    """,
    """
    INSERT INTO notifications_courseoverride (channel_id, course_id, category_id, frequency)
    SELECT c.id, 12, n.category_id, 'immediately'
    FROM channels_api_communicationchannel c, notifications_notification n
    WHERE c.position = 1 AND c.user_id % 10 = 1 AND n.slug = 'new_announcement'
    """,
    """
    INSERT INTO notifications_quiethours (user_id, starts, ends, days)
    SELECT id, '00:00', '23:59', '{}' FROM identity_user WHERE id % 10 = 2
    """,
    """
    VACUUM ANALYZE channels_api_communicationchannel, notifications_notificationpreference,
        notifications_courseoverride, notifications_quiethours
    """,
)
ASK = """
WITH dispatch AS (
    INSERT INTO notifications_dispatch
        (account_id, notification_id, idempotency_key, parameters_digest, subject, body, html_body, short,
         url, from_name, course_name, course_id, object_id, workflow_state, recipients_count, unknown_count,
         unknown, withheld, failure, created_at)
    SELECT 1, id, '', '', 'Something happened', 'What happened', '', 'Something', '', '', '', 12, 'thing',
        'queued', %(recipients)s, 0, '[]', '{}', '', now()
    FROM notifications_notification WHERE slug = 'new_announcement'
    RETURNING id
)
INSERT INTO notifications_dispatchrecipient (dispatch_id, user_id, decided)
SELECT dispatch.id, u.id, false FROM dispatch, identity_user u WHERE u.id <= %(recipients)s
RETURNING dispatch_id
"""
WRITTEN = "SELECT count(*) FROM notifications_message WHERE dispatch_id = %s"
WORK = """
import sys, time
import django
import psutil
django.setup()
from django.db import connection
from notifications.deciding import fan_out
with connection.cursor() as cursor:
    server = psutil.Process(cursor.execute("SELECT pg_backend_pid()").fetchone()[0])

def cpu():
    return sum(psutil.Process().cpu_times()[:2]) + sum(server.cpu_times()[:2])

began, used = time.monotonic(), cpu()
while fan_out.step(int(sys.argv[1])):
    pass
print(time.monotonic() - began, cpu() - used)
"""


def measure(options: Namespace, environ: dict[str, str]) -> None:
    """Prints a line for each round, and the median. The database is emptied of what it wrote."""
    rates = []
    with psycopg.connect(environ["DATABASE_URL"], autocommit=True) as database:
        for statement in PREPARE:
            database.execute(statement)
        for round_ in range(options.rounds):
            [dispatch_id] = database.execute(ASK, {"recipients": RECIPIENTS}).fetchone() or (0,)
            seconds, cpu = _decide(dispatch_id, environ)
            if (written := database.execute(WRITTEN, [dispatch_id]).fetchone()) != (MESSAGES,):
                sys.exit(f"{written} messages were written")
            rates.append(RECIPIENTS / seconds)
            print(
                f"round {round_}: {RECIPIENTS} recipients in {seconds:.1f} s: {rates[-1]:.0f} a second, "
                f"{1000 * cpu / RECIPIENTS:.2f} s of CPU for 1,000, PostgreSQL's among it",
                flush=True,
            )
        database.execute("TRUNCATE notifications_dispatch, procrastinate_jobs CASCADE")
    print(f"fan-out  {statistics.median(rates):.0f} recipients a second")


def _decide(dispatch_id: int, environ: dict[str, str]) -> tuple[float, float]:
    """Seconds that a process takes for it, its start not counted, and those of CPU."""
    command = [sys.executable, "-c", WORK, str(dispatch_id)]
    done = subprocess.run(command, env=os.environ | environ, check=True, stdout=subprocess.PIPE, text=True)
    seconds, cpu = map(float, done.stdout.split())
    return seconds, cpu
