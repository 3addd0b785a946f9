"""What the queue gives a worker first, and what that costs."""

import pytest
from django.db import connection
from procrastinate.contrib.django import app
from procrastinate.jobs import Job
from procrastinate.retry import RetryDecision

from canvas_channels.core import outbox
from notifications.gateways import TransportError
from notifications.worker.retry import Backoff

LATER = 30_000  # jobs that wait for another try
ERRORS = [OSError(), TransportError("451"), TransportError("gone", unanswered=True)]


def priority_after(priority: int, error: Exception) -> int:
    """Of the next try of a job that failed."""
    job = Job(id=1, queue="default", lock=None, queueing_lock=None, task_name="x", priority=priority)
    decision = Backoff().get_retry_decision(exception=error, job=job)
    assert isinstance(decision, RetryDecision)
    assert decision.priority is not None
    return decision.priority


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("priority", [outbox.AGAIN, outbox.FIRST])
def test_a_later_try_of_what_somebody_waits_for_comes_after_first_ones_and_before_all_bulk(
    priority: int, error: Exception
) -> None:
    later = priority_after(priority, error)
    assert outbox.BULK < later < outbox.FIRST
    assert priority_after(later, error) == later


@pytest.mark.parametrize("error", ERRORS)
def test_a_later_try_of_a_bulk_comes_after_all_first_ones(error: Exception) -> None:
    later = priority_after(outbox.BULK, error)
    assert later < outbox.BULK
    assert priority_after(later, error) == later
    earlier_version = later - 10
    assert priority_after(earlier_version, error) == earlier_version


def test_periodic_jobs_come_before_all_others() -> None:
    """What gives a dead worker's jobs to others is one, and would else wait at the end of a long queue."""
    periodic = {key: found.task.priority for key, found in app.periodic_registry.periodic_tasks.items()}
    assert periodic
    assert periodic == dict.fromkeys(periodic, outbox.PERIODIC)
    assert max(outbox.AGAIN, outbox.FIRST) < outbox.PERIODIC


@pytest.mark.django_db
def test_what_is_due_is_fetched_however_many_wait_before_it() -> None:
    """The index by priority leads to the one that is due first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_jobs (task_name, queue_name, priority, scheduled_at) "
            "SELECT 'later', 'default', %s, now() + interval '1 hour' FROM generate_series(1, %s)",
            [outbox.FIRST, LATER],
        )
        cursor.execute("INSERT INTO procrastinate_jobs (task_name, queue_name) VALUES ('due', 'default')")
        cursor.execute("SELECT task_name FROM procrastinate_fetch_job_v2(NULL, NULL)")
        assert cursor.fetchone() == ("due",)
