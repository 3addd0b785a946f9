"""A queue that stays quick and small however many jobs wait in it.

What is due is found by an index that knows when a job is: procrastinate's own function looks at all jobs that
wait for a later try, 200,000 after an outage, for each that it fetches. And a job takes others of its kind
along (``notifications.worker.batches``).

Vacuum comes after thousands of dead rows, not after a fifth of a table that keeps finished jobs for days.
"""

from django.db import migrations

# Neither sorting nor reading the whole table is ever right here, whatever PostgreSQL believes (see 0004).
PLANS = "SET enable_sort = off SET enable_seqscan = off SET enable_bitmapscan = off"
DUE_AT = "coalesce({}.scheduled_at, '-infinity'::timestamptz)"
# procrastinate's rule: of the jobs under one lock one runs, and before those that come after it.
IS_NEXT = """(jobs.lock IS NULL OR NOT EXISTS (
    SELECT 1 FROM procrastinate_jobs AS others
    WHERE others.lock = jobs.lock
      AND (others.status = 'doing' OR (others.status = 'todo' AND (
          others.priority > jobs.priority OR (others.priority = jobs.priority AND others.id < jobs.id)
      )))
))"""

# In place of procrastinate's, and of the same meaning: the first job by priority that is due. Of equal ones
# that come first that wait for nothing, then the one that has been due for the longest.
FETCH = f"""
CREATE OR REPLACE FUNCTION procrastinate_fetch_job_v2(
    target_queue_names character varying[], p_worker_id bigint
) RETURNS procrastinate_jobs LANGUAGE plpgsql {PLANS} AS $$
DECLARE
    level integer;
    chosen bigint;
    found_jobs procrastinate_jobs;
BEGIN
    LOOP
        SELECT max(priority) INTO level FROM procrastinate_jobs
        WHERE status = 'todo' AND priority < coalesce(level, 2147483647);
        EXIT WHEN level IS NULL;
        SELECT jobs.id INTO chosen FROM procrastinate_jobs AS jobs
        WHERE jobs.status = 'todo' AND jobs.priority = level AND {DUE_AT.format("jobs")} <= now()
          AND (target_queue_names IS NULL OR jobs.queue_name = ANY (target_queue_names))
          AND {IS_NEXT}
        ORDER BY {DUE_AT.format("jobs")}, jobs.id LIMIT 1
        FOR UPDATE OF jobs SKIP LOCKED;
        EXIT WHEN chosen IS NOT NULL;
    END LOOP;
    UPDATE procrastinate_jobs SET status = 'doing', worker_id = p_worker_id
    WHERE id = chosen RETURNING * INTO found_jobs;
    RETURN found_jobs;
END $$
"""  # noqa: S608 - of constants only

# Those of the first job's task, queue and priority among the next that are due, for its worker.
TAKE = f"""
CREATE OR REPLACE FUNCTION notifications_take_jobs(first_id bigint, most integer)
RETURNS SETOF procrastinate_jobs LANGUAGE plpgsql {PLANS} AS $$
DECLARE
    first procrastinate_jobs;
BEGIN
    SELECT * INTO first FROM procrastinate_jobs WHERE id = first_id AND status = 'doing';
    RETURN QUERY
    WITH next AS (
        SELECT due.id FROM procrastinate_jobs AS due
        WHERE due.status = 'todo' AND due.priority = first.priority AND {DUE_AT.format("due")} <= now()
        ORDER BY {DUE_AT.format("due")}, due.id LIMIT 200
    ), chosen AS (
        SELECT jobs.id FROM next JOIN procrastinate_jobs AS jobs USING (id)
        WHERE jobs.status = 'todo' AND jobs.task_name = first.task_name AND jobs.queue_name = first.queue_name
          AND {IS_NEXT}
        LIMIT most
        FOR UPDATE OF jobs SKIP LOCKED
    )
    UPDATE procrastinate_jobs AS taken SET status = 'doing', worker_id = first.worker_id
    FROM chosen WHERE taken.id = chosen.id
    RETURNING taken.*;
END $$
"""  # noqa: S608 - of constants only


class Migration(migrations.Migration):
    atomic = False  # for the index, without a lock on the queue

    dependencies = [("notifications", "0009_moved_rows")]

    operations = [
        migrations.RunSQL(
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS notifications_job_due ON procrastinate_jobs"
            f" (priority, ({DUE_AT.format('procrastinate_jobs')}), id) WHERE status = 'todo'",
            "DROP INDEX CONCURRENTLY IF EXISTS notifications_job_due",
        ),
        migrations.RunSQL(FETCH, migrations.RunSQL.noop),  # it is right without the index too
        migrations.RunSQL(TAKE, "DROP FUNCTION IF EXISTS notifications_take_jobs"),
        *(
            migrations.RunSQL(
                f"ALTER TABLE {table} SET (autovacuum_vacuum_scale_factor = 0.02,"
                " autovacuum_vacuum_threshold = 5000, autovacuum_analyze_scale_factor = 0.05)",
                f"ALTER TABLE {table} RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold,"
                " autovacuum_analyze_scale_factor)",
            )
            for table in ("procrastinate_jobs", "procrastinate_events")
        ),
    ]
