"""Several workers at once, one of which may die."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from canvas_channels.core import outbox
from canvas_channels.core.identity.models import User
from canvas_channels.demo.processes import dies_with_parent
from channels_api.models import CommunicationChannel
from notifications import tasks
from notifications.models import Dispatch, Message
from notifications.scheduling import digests, waiting
from tests import ROOT
from tests.factories import load_catalogue, make_account, make_dispatch
from tests.live import database_url
from tests.notifications.services import run_worker

pytestmark = pytest.mark.django_db(transaction=True)

State = Message.WorkflowState
# Small batches, so that there are many to die in. It begins when it is told to.
WORKER = """
import django
django.setup()
from django.db import connection
from notifications.scheduling import digests
digests._CHANNELS = 10
connection.ensure_connection()
print("ready", flush=True)
input()
digests.make()
"""


@pytest.fixture
def dispatch() -> Dispatch:
    load_catalogue()
    return make_dispatch(make_account())


def stage(dispatch: Dispatch, people: int, messages: int, **fields: str) -> None:
    """So many messages to each of so many people, all of them due."""
    users = User.objects.bulk_create(
        User(name=f"Person {number}", home_account=dispatch.account) for number in range(people)
    )
    channels = [
        CommunicationChannel(
            user=user, type="email", address=f"p{user.pk}@example.edu", workflow_state="active", position=1
        )
        for user in users
    ]
    for channel in channels:
        channel.fold_address()
    CommunicationChannel.objects.bulk_create(channels)
    dispatches = [dispatch] + [make_dispatch(dispatch.account) for _ in range(messages - 1)]
    due = timezone.now() - timedelta(minutes=1)
    Message.objects.bulk_create(
        Message(
            user_id=channel.user_id,
            channel=channel,
            account=dispatch.account,
            dispatch=each,
            notification=dispatch.notification,
            type="email",
            address=channel.address,
            workflow_state=State.STAGED,
            due_at=due,
            **fields,
        )
        for channel in channels
        for each in dispatches
    )


def wait_for(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def blocked() -> int:
    """How many sessions wait to write a job."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'procrastinate_jobs'::regclass"
        )
        return int(cursor.fetchone()[0])


def test_a_worker_that_is_killed_while_it_makes_digests_loses_and_doubles_none(dispatch: Dispatch) -> None:
    people, messages = 100, 3
    stage(dispatch, people, messages, kind=Message.Kind.DIGEST_ENTRY, waits_for="digest", frequency="daily")
    made = Message.objects.filter(kind=Message.Kind.DIGEST)
    with ExitStack() as stack:
        workers = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", WORKER],
                    cwd=ROOT,
                    env=os.environ | {"DATABASE_URL": database_url()},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    preexec_fn=dies_with_parent(signal.SIGKILL),
                )
            )
            for _ in range(2)
        ]
        for worker in workers:
            assert worker.stdout
            assert worker.stdout.readline() == b"ready\n"
        killed, other = workers
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE procrastinate_jobs IN SHARE ROW EXCLUSIVE MODE")
            for worker in workers:
                assert worker.stdin
                worker.stdin.write(b"\n")
                worker.stdin.flush()
            wait_for(lambda: blocked() == 2)  # each in the end of a batch, before it is committed
            killed.kill()
            assert killed.wait(30) == -signal.SIGKILL
        assert other.wait(60) == 0
    entries = Message.objects.filter(kind=Message.Kind.DIGEST_ENTRY)
    while entries.filter(workflow_state=State.STAGED).exists():
        digests.make()  # what the killed one's session held till the other had done the rest
    assert made.count() == people == made.values("channel").distinct().count()
    assert entries.filter(workflow_state=State.CLOSED).count() == people * messages
    assert {digest.entries.count() for digest in made} == {messages}
    jobs = ProcrastinateJob.objects.filter(task_name="notifications.deliver_messages")
    assert Counter(id_ for job in jobs for id_ in job.args["message_ids"]) == Counter(
        made.values_list("pk", flat=True)
    )


def test_workers_share_what_is_due(dispatch: Dispatch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "_CHANNELS", 2)
    monkeypatch.setattr(digests, "AT_A_TIME", 0.0)
    stage(dispatch, 9, 2, kind=Message.Kind.DIGEST_ENTRY, waits_for="digest", frequency="weekly")
    tasks.make_digests.configure().defer(timestamp=0)
    making = ProcrastinateJob.objects.filter(task_name__contains="digests")
    while making.filter(status="todo").exists():
        run_worker(concurrency=4)
    assert Message.objects.filter(kind=Message.Kind.DIGEST).count() == 9
    shares = making.filter(task_name=digests.SHARE.name)
    assert set(shares.values_list("lock", "status")) == {
        ("share_of_digests:1", "succeeded"),
        ("share_of_digests:2", "succeeded"),
    }
    assert shares.count() >= 5 + digests.SHARES


@pytest.mark.parametrize("task", [tasks.collect_waiting, tasks.make_digests, app.tasks[digests.SHARE.name]])
def test_what_is_due_overtakes_bulk(task: Any) -> None:
    job = task.configure().make_new_job(timestamp=0)
    assert job.priority > outbox.BULK


def test_what_another_worker_holds_is_left_to_it(dispatch: Dispatch) -> None:
    stage(dispatch, people=2, messages=1, waits_for="delay")
    held, free = Message.objects.order_by("pk")
    collected = []

    def collect() -> None:
        try:
            collected.append(waiting.collect())
        finally:
            connection.close()

    with transaction.atomic():
        Message.objects.select_for_update().get(pk=held.pk)
        other = Thread(target=collect)
        other.start()
        other.join(30)
    assert collected == [1]
    assert Message.objects.get(pk=held.pk).workflow_state == State.STAGED
    assert Message.objects.get(pk=free.pk).workflow_state == State.CREATED
