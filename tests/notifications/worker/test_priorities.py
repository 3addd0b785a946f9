"""What the queue gives a worker first, and what that costs."""

import pytest
from django.db import connection
from procrastinate.contrib.django import app
from procrastinate.jobs import Job
from procrastinate.retry import RetryDecision

from canvas_channels.core import outbox
from notifications.worker.retry import Backoff

LATER = 30_000  # jobs that wait for another try


def priority_after(priority: int) -> int | None:
    """Of the next try of a job that failed."""
    job = Job(id=1, queue="default", lock=None, queueing_lock=None, task_name="x", priority=priority)
    decision = Backoff().get_retry_decision(exception=OSError(), job=job)
    assert isinstance(decision, RetryDecision)
    return decision.priority


@pytest.mark.parametrize("priority", [outbox.AGAIN, outbox.FIRST, outbox.BULK])
def test_a_later_try_comes_after_all_first_ones_and_keeps_its_place(priority: int) -> None:
    later = priority_after(priority)
    assert later is not None
    assert later < outbox.BULK
    assert priority_after(later) == later


def test_of_later_tries_those_come_first_that_somebody_waits_for() -> None:
    first, bulk = priority_after(outbox.FIRST), priority_after(outbox.BULK)
    assert first is not None
    assert bulk is not None
    assert first > bulk


def test_periodic_jobs_come_before_all_others() -> None:
    """What gives a dead worker's jobs to others is one, and would else wait at the end of a long queue."""
    periodic = {key: found.task.priority for key, found in app.periodic_registry.periodic_tasks.items()}
    assert periodic
    assert periodic == dict.fromkeys(periodic, outbox.PERIODIC)
    assert max(outbox.AGAIN, outbox.FIRST) < outbox.PERIODIC


@pytest.mark.django_db
def test_what_is_due_is_fetched_before_what_waits_for_another_try() -> None:
    """However many wait: the index by priority leads to the one that is due first."""
    later = priority_after(outbox.FIRST)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_jobs (task_name, queue_name, priority, scheduled_at) "
            "SELECT 'later', 'default', %s, now() + interval '1 hour' FROM generate_series(1, %s)",
            [later, LATER],
        )
        cursor.execute("INSERT INTO procrastinate_jobs (task_name, queue_name) VALUES ('due', 'default')")
        cursor.execute("SELECT task_name FROM procrastinate_fetch_job_v2(NULL, NULL)")
        assert cursor.fetchone() == ("due",)
    assert later is not None
    assert later < outbox.FIRST
