"""Keep fetching a job cheap whatever PostgreSQL believes about the queue.

A worker's session plans the statement once. Where the table was empty then, as on a new service and after a
quiet week, the plan compares every waiting job with every other: 200 ms a job when 1,000 wait, until the
next ANALYZE. Neither sorting nor reading the whole table is ever right here: there are indexes for both.
"""

from django.db import migrations

FUNCTION = "procrastinate_fetch_job_v2(character varying[], bigint)"
# A later procrastinate may have another function instead; then a test says so.
ALTER = f"""
DO $$ BEGIN
    IF to_regprocedure('{FUNCTION}') IS NOT NULL THEN
        ALTER FUNCTION {FUNCTION} {{0}};
    END IF;
END $$
"""


class Migration(migrations.Migration):
    atomic = False  # for the index, without a lock on the queue

    dependencies = [
        ("notifications", "0003_webhooks"),
        ("procrastinate", "0041_post_retry_failed_job"),
    ]

    operations = [
        migrations.RunSQL(
            ALTER.format("SET enable_sort = off SET enable_seqscan = off SET enable_bitmapscan = off"),
            ALTER.format("RESET ALL"),
        ),
        migrations.RunSQL(
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS notifications_job_lock ON procrastinate_jobs (lock)"
            " WHERE status IN ('todo', 'doing')",
            "DROP INDEX CONCURRENTLY IF EXISTS notifications_job_lock",
        ),
    ]
