"""However many messages were sent: what waits is found by an index."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from notifications.models import Message
from notifications.scheduling import digests, waiting
from tests.factories import make_account, make_channel, make_dispatch, make_message, make_user

pytestmark = pytest.mark.django_db

SENT = 20_000
COPIES = """
INSERT INTO notifications_message
    (user_id, channel_id, account_id, notification_id, object_id, kind, type, frequency, address, subject,
     body, mandatory, workflow_state, waits_for, attempts, failure, devices, provider_id,
     created_at, updated_at)
SELECT user_id, channel_id, account_id, notification_id, object_id, kind, type, frequency, address, subject,
    body, mandatory, 'sent', '', 0, '', '{}', '', now() - number * interval '1 minute', now()
FROM notifications_message, generate_series(1, %s) AS number
"""


@pytest.fixture(autouse=True)
def _committed() -> None:
    """These tests roll back what they write, jobs too."""


@pytest.fixture
def message() -> Message:
    """One that is due, among many that were sent to the same person."""
    account = make_account()
    channel = make_channel(make_user(account=account))
    message = make_message(
        channel.user,
        channel,
        dispatch=make_dispatch(account, object_id="a:1"),
        object_id="a:1",
        workflow_state="staged",
        waits_for="quiet_hours",
        due_at=timezone.now() - timedelta(minutes=1),
    )
    with connection.cursor() as cursor:
        cursor.execute(COPIES, [SENT])
        cursor.execute("ANALYZE notifications_message")
    return message


def replace(message: Message) -> None:
    newer = Message(
        user=message.user,
        channel=message.channel,
        dispatch=make_dispatch(message.account, object_id="a:1"),
        notification=message.notification,
        object_id="a:1",
    )
    waiting.replace([newer])


def take_over(message: Message) -> None:
    long_ago = timezone.now() - timedelta(hours=1)
    Message.objects.filter(pk=message.pk).update(workflow_state="sending", updated_at=long_ago)
    assert waiting.collect() == 1


def make_digest(message: Message) -> None:
    Message.objects.filter(pk=message.pk).update(waits_for="digest", kind="digest_entry")
    assert digests.make() == 1
    assert len(digests.entries_of(Message.objects.latest("pk"))) == 1


@pytest.mark.parametrize(
    "do",
    [
        lambda message: waiting.collect(),
        lambda message: waiting.release(message.user),
        replace,
        take_over,
        make_digest,
    ],
    ids=["collect", "release", "replace", "take over", "make"],
)
def test_what_waits_is_found_by_an_index(message: Message, do: Callable[[Message], object]) -> None:
    with CaptureQueriesContext(connection) as captured:
        do(message)
    statements = [query["sql"] for query in captured if query["sql"].startswith(("SELECT", "UPDATE"))]
    assert any("notifications_message" in statement for statement in statements)
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute("EXPLAIN " + statement)
            plan = "\n".join(line for (line,) in cursor.fetchall())
            assert "Seq Scan on notifications_message" not in plan, f"{statement}\n{plan}"
            assert "message_of_user" not in plan, f"it reads all that a person was sent: {statement}\n{plan}"
