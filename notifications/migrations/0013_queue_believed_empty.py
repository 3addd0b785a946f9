"""A queue that stays quick though PostgreSQL believes that nothing waits in it.

That is what it believes until the next ANALYZE where the last one found nothing. All indexes of what waits
cost the same then, and the wrong one may be read from end to end for each of 200,000 jobs. So there is one
index for each question, with a condition that none of procrastinate's own has, and our statements ask with
it: ``status <= 'todo'`` by priority and due time, ``status < 'doing'`` or ``status <= 'doing'`` by lock.
"""

from django.db import migrations

# Neither sorting nor reading the whole table is ever right here, whatever PostgreSQL believes (see 0004).
PLANS = "SET enable_sort = off SET enable_seqscan = off SET enable_bitmapscan = off"
DUE_AT = "coalesce({}.scheduled_at, '-infinity'::timestamptz)"
# procrastinate's rule: of the jobs under one lock one runs, and before those that come after it.
IS_NEXT = """(jobs.lock IS NULL OR NOT EXISTS (
    SELECT 1 FROM procrastinate_jobs AS others
    WHERE others.lock = jobs.lock AND others.status <= 'doing'
      AND (others.status = 'doing' OR others.priority > jobs.priority
           OR (others.priority = jobs.priority AND others.id < jobs.id))
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
        SELECT priority INTO level FROM procrastinate_jobs
        WHERE status <= 'todo' AND priority < coalesce(level, 2147483647)
        ORDER BY priority DESC LIMIT 1;
        EXIT WHEN level IS NULL;
        SELECT jobs.id INTO chosen FROM procrastinate_jobs AS jobs
        WHERE jobs.status <= 'todo' AND jobs.priority = level AND {DUE_AT.format("jobs")} <= now()
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

# Those of the first job's task, queue and priority among the next that are due, for its worker, unless that
# one was taken for dead. Each is found by its id alone, and its status looked at once it is locked.
TAKE = f"""
CREATE OR REPLACE FUNCTION notifications_take_jobs(first_id bigint, most integer)
RETURNS SETOF procrastinate_jobs LANGUAGE plpgsql {PLANS} AS $$
DECLARE
    first procrastinate_jobs;
    chosen bigint[];
BEGIN
    SELECT * INTO first FROM procrastinate_jobs
    WHERE id = first_id AND status = 'doing' AND worker_id IS NOT NULL;
    chosen := ARRAY(
        WITH jobs AS MATERIALIZED (
            SELECT due.id, due.lock, due.priority, due.task_name, due.queue_name
            FROM procrastinate_jobs AS due
            WHERE due.status <= 'todo' AND due.priority = first.priority AND {DUE_AT.format("due")} <= now()
            ORDER BY {DUE_AT.format("due")}, due.id LIMIT 200
        )
        SELECT locked.id FROM jobs CROSS JOIN LATERAL (
            SELECT id, status FROM procrastinate_jobs WHERE id = jobs.id LIMIT 1 FOR UPDATE SKIP LOCKED
        ) AS locked
        WHERE locked.status = 'todo' AND jobs.task_name = first.task_name
          AND jobs.queue_name = first.queue_name AND {IS_NEXT}
        LIMIT most
    );
    RETURN QUERY
    UPDATE procrastinate_jobs AS taken SET status = 'doing', worker_id = first.worker_id
    WHERE taken.id = ANY (chosen)
    RETURNING taken.*;
END $$
"""  # noqa: S608 - of constants only

INDEXES = {
    "notifications_job_by_due": (
        f"(priority, ({DUE_AT.format('procrastinate_jobs')}), id)",
        "status <= 'todo'",
    ),
    "notifications_job_by_lock": ("(lock)", "status <= 'doing' AND lock IS NOT NULL"),
}
THEIR_PREDECESSORS = {
    "notifications_job_due": (f"(priority, ({DUE_AT.format('procrastinate_jobs')}), id)", "status = 'todo'"),
    "notifications_job_lock": ("(lock)", "status IN ('todo', 'doing')"),
}


def create(name: str, columns: str, condition: str) -> str:
    return f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON procrastinate_jobs {columns} WHERE {condition}"


def drop(name: str) -> str:
    return f"DROP INDEX CONCURRENTLY IF EXISTS {name}"


class Migration(migrations.Migration):
    atomic = False  # for the indexes, without a lock on the queue

    dependencies = [("notifications", "0012_failed_dispatches_valid")]

    operations = [
        *(migrations.RunSQL(create(name, *of), drop(name)) for name, of in INDEXES.items()),
        migrations.RunSQL(FETCH, migrations.RunSQL.noop),  # they are right without the indexes too
        migrations.RunSQL(TAKE, migrations.RunSQL.noop),
        *(migrations.RunSQL(drop(name), create(name, *of)) for name, of in THEIR_PREDECESSORS.items()),
    ]
