"""The jobs: what the queue knows of them, and the periodic ones."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from procrastinate import JobContext
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.jobs import Job as QueueJob

from canvas_channels.core.identity.models import PasswordReset
from channels_api.messages import confirmations
from channels_api.models import Confirmation, ConfirmationCode, Progress, PushDevice, SecurityNotice
from notifications import tasks
from notifications.dispatches.models import Dispatch
from notifications.webhooks.models import WebhookEvent
from tests.factories import make_channel, make_user
from tests.notifications.services import Sns, jobs, run_worker

pytestmark = pytest.mark.django_db(transaction=True)


def execute(statement: str) -> None:
    with connection.cursor() as cursor:  # procrastinate's models are read-only
        cursor.execute(statement)


def ask_sms() -> None:
    assert confirmations.resend(make_channel(make_user(), "+16265550100", "sms", "unconfirmed"))


@pytest.mark.parametrize(
    ("model", "name", "argument", "lock"),
    [
        (Confirmation, "send_confirmation", "confirmation_id", "confirmation:7"),
        (SecurityNotice, "send_announcement", "announcement_id", "announcement:7"),
        (PasswordReset, "send_password_reset", "reset_id", "password_reset:7"),
        (PushDevice, "sync_device", "device_id", "device:7"),
        (WebhookEvent, "handle_webhook_event", "event_id", "event:7"),
        (Progress, "run_progress", "progress_id", "progress:7"),
        (Dispatch, "fan_out", "dispatch_id", "dispatch:7"),
    ],
)
def test_jobs_are_asked_for_as_by_the_version_before(model: Any, name: str, argument: str, lock: str) -> None:
    """Both are at work while one takes the other's place."""
    model.job.ask([7])
    job = ProcrastinateJob.objects.get()
    assert (job.task_name, job.args[argument], job.lock) == (f"notifications.{name}", 7, lock)
    run_worker()
    assert jobs("succeeded") == [job.task_name]  # there is no such row


def test_a_job_that_its_database_does_not_know_is_not_done() -> None:
    """As where its connection leads to an old primary, which lacks the row that it is for, too."""
    job = QueueJob(
        id=7, queue="default", lock=None, queueing_lock=None, task_name=Confirmation.job.name, status="doing"
    )
    context = JobContext(start_timestamp=0, app=app, job=job, abort_reason=lambda: None)
    with pytest.raises(OperationalError, match="does not know the job"):
        app.tasks[Confirmation.job.name].func(context, confirmation_id=7)


@pytest.mark.parametrize(
    "name", ["retry_stalled", "remove_finished", "prune", "collect_waiting", "make_digests"]
)
def test_periodic_jobs_have_a_queueing_lock_and_no_lock(name: str) -> None:
    task = app.tasks[f"notifications.{name}"]
    assert task.queueing_lock == name
    assert task.lock is None


def test_the_job_of_a_dead_worker_comes_back(sns: Sns) -> None:
    ask_sms()
    execute("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 hour')")
    execute(
        "UPDATE procrastinate_jobs SET status = 'doing', "
        "worker_id = (SELECT max(id) FROM procrastinate_workers)"
    )
    tasks.retry_stalled.configure().defer(timestamp=0)
    run_worker()
    run_worker()
    assert sns.actions() == ["Publish"]


def test_stalled_jobs_come_back_though_one_of_them_has_a_successor(sns: Sns) -> None:
    tasks.retry_stalled.configure().defer(timestamp=0)
    execute("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 hour')")
    ask_sms()
    execute(
        "UPDATE procrastinate_jobs SET status = 'doing', "
        "worker_id = (SELECT max(id) FROM procrastinate_workers)"
    )
    tasks.retry_stalled.configure().defer(timestamp=1)
    tasks.retry_stalled.configure(queueing_lock="another").defer(timestamp=2)
    run_worker()
    run_worker()
    assert sns.actions() == ["Publish"]
    assert "notifications.retry_stalled" not in jobs("doing")


def test_finished_jobs_are_removed_after_some_days(sns: Sns) -> None:
    ask_sms()
    run_worker()
    execute("UPDATE procrastinate_events SET at = at - interval '8 days'")
    tasks.remove_finished.configure().defer(timestamp=0)
    run_worker()
    assert "notifications.send_confirmation" not in jobs("succeeded")


def test_jobs_finished_of_late_stay(sns: Sns) -> None:
    ask_sms()
    run_worker()
    tasks.remove_finished.configure().defer(timestamp=0)
    run_worker()
    assert "notifications.send_confirmation" in jobs("succeeded")


def test_codes_long_expired_are_pruned(sns: Sns) -> None:
    ask_sms()
    run_worker()
    ConfirmationCode.objects.update(expires_at=timezone.now() - timedelta(days=31))
    tasks.prune.configure().defer(timestamp=0)
    run_worker()
    assert not ConfirmationCode.objects.exists()
