"""A worker that is killed while it decides: nobody is left out, nobody gets a message twice."""

import os
import random
import subprocess
import sys
import time
from collections import Counter

import pytest
from django.db import connection
from procrastinate.contrib.django.models import ProcrastinateJob

from canvas_channels.core.identity.models import User
from channels_api.models import CommunicationChannel
from notifications.deciding import fan_out
from notifications.models import Dispatch, DispatchRecipient, Message
from tests import ROOT
from tests.factories import default_account, load_catalogue, make_dispatch
from tests.live import database_url
from tests.notifications.services import do_all

pytestmark = pytest.mark.django_db(transaction=True)

RECIPIENTS = 3000
NAME = "killed while it decides"  # of its sessions
WORKER = """
import sys
import django
django.setup()
from notifications.deciding import fan_out
fan_out.BATCH = 20
while fan_out.step(int(sys.argv[1])):
    pass
"""


@pytest.fixture
def dispatch() -> Dispatch:
    load_catalogue()
    account = default_account()
    users = User.objects.bulk_create(
        User(
            name="U", home_account=account, workflow_state="deactivated" if number % 10 == 0 else "registered"
        )
        for number in range(RECIPIENTS)
    )
    CommunicationChannel.objects.bulk_create(
        CommunicationChannel(
            user=user,
            type="email",
            address=f"{user.pk}.{position}@example.edu",
            address_folded=f"{user.pk}.{position}@example.edu",
            workflow_state="active",
            position=position,
        )
        for user in users
        for position in (1, 2)
    )
    return make_dispatch(account, recipients=users, workflow_state="queued", object_id="x")


def decided() -> int:
    return DispatchRecipient.objects.filter(decided=True).count()


def kill_one(dispatch: Dispatch) -> None:
    """Start a process that decides, and kill it once it has decided some."""
    before = decided()
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(dispatch.pk)],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": database_url(), "PGAPPNAME": NAME},
    )
    deadline = time.monotonic() + 60
    while decided() <= before:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.005)
    time.sleep(random.uniform(0, 0.1))
    process.kill()
    process.wait()
    with connection.cursor() as cursor:
        while cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = %s)", [NAME]
        ).fetchone() != (False,):
            assert time.monotonic() < deadline, "the killed process's session does not end"
            time.sleep(0.02)


def check(dispatch: Dispatch) -> None:
    """What is decided has its message and its job, and nothing else has."""
    users = DispatchRecipient.objects.filter(decided=True, user__workflow_state="registered")
    told = Counter(Message.objects.filter(dispatch=dispatch).values_list("user_id", flat=True))
    assert told == Counter(users.values_list("user_id", flat=True))
    asked = Counter(
        pk
        for job in ProcrastinateJob.objects.filter(task_name="notifications.deliver_messages")
        for pk in job.args["message_ids"]
    )
    assert asked == Counter(Message.objects.values_list("pk", flat=True))
    gone = DispatchRecipient.objects.filter(decided=True, user__workflow_state="deactivated").count()
    dispatch.refresh_from_db()
    assert dispatch.withheld.get("not_registered", 0) == gone
    assert dispatch.withheld.get("preference", 0) == len(told)


def test_killed_again_and_again(dispatch: Dispatch) -> None:
    for _ in range(3):
        kill_one(dispatch)
        assert decided() < RECIPIENTS
        check(dispatch)
        assert dispatch.workflow_state == "running"
    do_all(fan_out.step, dispatch.pk)
    assert decided() == RECIPIENTS
    check(dispatch)
    assert dispatch.workflow_state == "completed"
