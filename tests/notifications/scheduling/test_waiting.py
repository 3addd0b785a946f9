from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from canvas_channels.core.identity.models import User
from channels_api.models import CommunicationChannel
from notifications.models import Dispatch, Message, QuietHours
from notifications.scheduling import waiting
from notifications.scheduling.zones import zone_of
from tests.factories import (
    default_account,
    make_channel,
    make_dispatch,
    make_message,
    make_user,
)

pytestmark = pytest.mark.django_db

State, WaitsFor = Message.WorkflowState, Message.WaitsFor
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _committed() -> None:
    """These tests roll back what they write, jobs too."""


@pytest.fixture
def user() -> User:
    return make_user(time_zone="Europe/Berlin")


@pytest.fixture
def push(user: User) -> CommunicationChannel:
    return make_channel(user, "For All Devices", "push")


def happened(notification: str = "alert", **fields: Any) -> Dispatch:
    return make_dispatch(default_account(), notification, **fields)


def stage(
    channel: CommunicationChannel,
    waits_for: str = WaitsFor.DELAY,
    due: timedelta = -HOUR,
    dispatch: Dispatch | None = None,
    **fields: Any,
) -> Message:
    fields = {"workflow_state": State.STAGED, "due_at": timezone.now() + due} | fields
    dispatch = dispatch or happened()
    about = {"dispatch": dispatch, "object_id": dispatch.object_id, "waits_for": waits_for}
    return make_message(channel.user, channel, **about, **fields)


def state_of(message: Message) -> str:
    message.refresh_from_db()
    return message.workflow_state


def asked_for() -> dict[int, int]:
    """The messages that jobs deliver, with the jobs' priorities."""
    jobs = ProcrastinateJob.objects.filter(task_name="notifications.deliver_messages")
    return {message: job.priority for job in jobs for message in job.args["message_ids"]}


def quiet(user: User, starts: timedelta, ends: timedelta) -> QuietHours:
    """Quiet hours from and until then, seen from now."""
    now = timezone.localtime(timezone=zone_of(user.time_zone, ""))
    hours = {"starts": (now + starts).time(), "ends": (now + ends).time()}
    return QuietHours.objects.update_or_create(user=user, defaults=hours)[0]


def test_what_is_due_is_asked_for(push: CommunicationChannel) -> None:
    due = [stage(push, waits_for) for waits_for in (WaitsFor.DELAY, WaitsFor.QUIET_HOURS, WaitsFor.RETRY)]
    later = stage(push, due=HOUR)
    entry = stage(push, WaitsFor.DIGEST, kind=Message.Kind.DIGEST_ENTRY)
    assert waiting.collect() == 3
    assert {(state_of(message), message.waits_for, message.due_at) for message in due} == {
        (State.CREATED, "", None)
    }
    assert asked_for() == {message.pk: -10 for message in due}
    assert [state_of(later), state_of(entry)] == [State.STAGED, State.STAGED]
    assert waiting.collect() == 0


def test_a_test_message_overtakes_the_others(push: CommunicationChannel) -> None:
    sent, test = stage(push), stage(push, WaitsFor.RETRY, kind=Message.Kind.TEST)
    waiting.collect()
    assert asked_for() == {sent.pk: -10, test.pk: 0}


def test_what_a_dead_worker_was_sending_keeps_its_priority(push: CommunicationChannel) -> None:
    dead = [stage(push, "", workflow_state=State.SENDING, kind=kind) for kind in ("notification", "test")]
    Message.objects.update(updated_at=timezone.now() - waiting.CLAIMED - timedelta(seconds=1))
    busy = stage(push, "", workflow_state=State.SENDING)
    assert waiting.collect() == 2
    assert asked_for() == {dead[0].pk: -10, dead[1].pk: 0}
    assert list(map(state_of, [*dead, busy])) == [State.CREATED, State.CREATED, State.SENDING]


def test_it_takes_many_in_batches(push: CommunicationChannel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_BATCH", 2)
    messages = [stage(push) for _ in range(5)]
    assert waiting.collect() == 5
    assert asked_for().keys() == {message.pk for message in messages}


def test_a_batch_has_as_many_statements_whatever_is_in_it(user: User, push: CommunicationChannel) -> None:
    quiet(user, -HOUR, HOUR)
    email, gone = make_channel(user), make_channel(user, workflow_state="retired")

    def statements(count: int) -> int:
        for _ in range(count):
            for channel in (email, gone, push):
                stage(channel)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            waiting.collect()
        return len(queries)

    assert statements(1) == statements(20)


@pytest.mark.parametrize("leave", [lambda channel: None, CommunicationChannel.delete])
def test_what_has_no_channel_any_more_is_cancelled(
    push: CommunicationChannel, leave: Callable[[CommunicationChannel], Any]
) -> None:
    message = stage(push)
    CommunicationChannel.objects.update(workflow_state="retired")
    leave(push)
    waiting.collect()
    assert state_of(message) == State.CANCELLED
    assert asked_for() == {}


def test_after_quiet_hours_the_newest_of_each_thing_is_sent_once(
    user: User, push: CommunicationChannel
) -> None:
    sms = make_channel(user, "+16265550100", "sms")
    first, second, other, nothing = (happened(object_id=name) for name in ("a:1", "a:1", "a:2", ""))
    another = happened(notification="new_announcement", object_id="a:1")
    old = stage(push, WaitsFor.QUIET_HOURS, dispatch=first)
    kept = [
        stage(push, WaitsFor.QUIET_HOURS, dispatch=second, due=-2 * HOUR),
        *(stage(push, WaitsFor.QUIET_HOURS, dispatch=dispatch) for dispatch in (other, another, nothing)),
        stage(push, WaitsFor.QUIET_HOURS),
        stage(sms, WaitsFor.QUIET_HOURS, dispatch=first),
        stage(make_channel(user), dispatch=first),  # no quiet hours are for it
    ]
    waiting.collect()
    assert state_of(old) == State.CANCELLED
    assert asked_for().keys() == {message.pk for message in kept}


@pytest.mark.parametrize("waits_for", [WaitsFor.DELAY, WaitsFor.QUIET_HOURS, WaitsFor.RETRY])
def test_what_would_go_out_in_quiet_hours_waits_for_their_end(
    user: User, push: CommunicationChannel, waits_for: str
) -> None:
    hours = quiet(user, -HOUR, HOUR)
    message, email = stage(push, waits_for), stage(make_channel(user), waits_for)
    test = stage(push, waits_for, kind=Message.Kind.TEST)
    waiting.collect()
    assert asked_for().keys() == {email.pk, test.pk}
    assert (state_of(message), message.waits_for) == (State.STAGED, WaitsFor.QUIET_HOURS)
    assert message.due_at is not None
    assert message.due_at.astimezone(zone_of(user.time_zone, "")).time() == hours.ends


def test_quiet_hours_are_in_the_accounts_zone_where_the_user_has_none(
    user: User, push: CommunicationChannel
) -> None:
    quiet(user, -HOUR, HOUR)  # in Berlin
    user.time_zone = ""
    user.save()
    account = default_account()
    account.default_time_zone = "Asia/Tokyo"
    account.save()
    message = stage(push)
    waiting.collect()
    assert state_of(message) == State.CREATED


@pytest.mark.parametrize(
    ("older", "age", "newer", "cancelled"),
    [
        ({}, 5 * HOUR, {}, True),
        ({"workflow_state": State.CREATED}, HOUR, {}, True),
        ({"kind": Message.Kind.DIGEST_ENTRY, "waits_for": WaitsFor.DIGEST}, HOUR, {}, True),
        ({}, 7 * HOUR, {}, False),
        ({"workflow_state": State.SENDING}, HOUR, {}, False),
        ({"workflow_state": State.SENT}, HOUR, {}, False),
        ({}, HOUR, {"object_id": "a:2"}, False),
        ({}, HOUR, {"notification": "new_announcement"}, False),
        ({}, HOUR, {"object_id": ""}, False),
    ],
)
def test_a_newer_message_replaces_an_older_unsent_one(
    push: CommunicationChannel, older: dict[str, Any], age: timedelta, newer: dict[str, Any], cancelled: bool
) -> None:
    old = stage(push, dispatch=happened(object_id="a:1"), **{"due": HOUR} | older)
    Message.objects.update(created_at=timezone.now() - age)
    new = unsaved(happened(**{"object_id": "a:1"} | newer), push)
    before = old.workflow_state
    waiting.replace([new])
    assert state_of(old) == (State.CANCELLED if cancelled else before)
    assert new.workflow_state == State.STAGED


def test_nothing_is_replaced_that_is_about_nothing_in_particular(push: CommunicationChannel) -> None:
    old = stage(push, due=HOUR)
    with CaptureQueriesContext(connection) as queries:
        waiting.replace([unsaved(happened(), push)])
    assert state_of(old) == State.STAGED
    assert not [query for query in queries if "UPDATE" in query["sql"]]


def test_only_the_same_channel_is_replaced(user: User, push: CommunicationChannel) -> None:
    first, second = happened(object_id="a:1"), happened(object_id="a:1")
    others = [stage(channel, dispatch=first) for channel in (make_channel(user), make_channel(make_user()))]
    old = stage(push, dispatch=first)
    waiting.replace([unsaved(second, push)])
    assert [state_of(message) for message in (old, *others)] == [State.CANCELLED, State.STAGED, State.STAGED]


@pytest.mark.parametrize(
    ("faster", "expected"),
    [
        (State.SENT, State.CANCELLED),
        (State.CREATED, State.CANCELLED),
        (State.CANCELLED, State.STAGED),
        (State.TRANSMISSION_ERROR, State.STAGED),
    ],
)
def test_what_a_later_dispatch_overtook_is_cancelled_itself(
    push: CommunicationChannel, faster: str, expected: str
) -> None:
    first, second = happened(object_id="a:1"), happened(object_id="a:1")
    later = stage(push, dispatch=second, workflow_state=faster)
    late = unsaved(first, push)
    waiting.replace([late])
    assert late.workflow_state == expected
    assert state_of(later) == faster


def test_what_bounced_is_not_cancelled_as_well(push: CommunicationChannel) -> None:
    first, second = happened(object_id="a:1"), happened(object_id="a:1")
    stage(push, dispatch=second, workflow_state=State.SENT)
    late = unsaved(first, push)
    late.workflow_state = State.BOUNCED
    waiting.replace([late])
    assert late.workflow_state == State.BOUNCED


def unsaved(dispatch: Dispatch, channel: CommunicationChannel) -> Message:
    return Message(
        user=channel.user,
        channel=channel,
        account=dispatch.account,
        dispatch=dispatch,
        notification=dispatch.notification,
        type=channel.type,
        object_id=dispatch.object_id,
        workflow_state=State.STAGED,
        waits_for=WaitsFor.DELAY,
        due_at=timezone.now() + HOUR,
    )


def minutes_to(moment: datetime | None) -> float:
    assert moment is not None
    return round((moment - timezone.now()) / timedelta(minutes=1))


@pytest.mark.parametrize(
    ("hours", "notification", "minutes"),
    [
        (None, "alert", 0),
        ((-HOUR, HOUR), "alert", 60),
        ((-2 * HOUR, -HOUR), "alert", 0),
        ((-HOUR, 9 * HOUR), "alert", 480),  # longer than before: told when they end
        (None, "submission_graded", 60),  # its delay
    ],
)
def test_quiet_hours_that_end_or_shrink_release_what_waits_for_them(
    push: CommunicationChannel,
    hours: tuple[timedelta, timedelta] | None,
    notification: str,
    minutes: int,
) -> None:
    message = stage(push, WaitsFor.QUIET_HOURS, 8 * HOUR, happened(notification=notification))
    others = [
        stage(push, due=8 * HOUR),
        stage(make_channel(make_user(), "For All", "push"), WaitsFor.QUIET_HOURS, 8 * HOUR),
    ]
    if hours:
        quiet(push.user, *hours)
    waiting.release(push.user)
    message.refresh_from_db()
    assert minutes_to(message.due_at) == minutes
    for other in others:
        other.refresh_from_db()
        assert minutes_to(other.due_at) == 480
    assert waiting.collect() == (minutes == 0)
