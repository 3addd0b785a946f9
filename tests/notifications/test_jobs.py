"""The periodic jobs, and what the registry asks for by name."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django import app

from channels_api import outbox
from channels_api.messages import confirmations
from channels_api.models import ConfirmationCode
from notifications import tasks
from tests.factories import make_channel, make_user
from tests.notifications.services import Sns, jobs, run_worker

pytestmark = pytest.mark.django_db(transaction=True)


def execute(statement: str) -> None:
    with connection.cursor() as cursor:  # procrastinate's models are read-only
        cursor.execute(statement)


def ask_sms() -> None:
    assert confirmations.resend(make_channel(make_user(), "+16265550100", "sms", "unconfirmed"))


def test_every_job_that_the_registry_asks_for_exists() -> None:
    assert {outbox.SEND_CONFIRMATION, outbox.SYNC_DEVICE} <= app.tasks.keys()


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
