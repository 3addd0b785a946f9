from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob
from pytest_django import Settings

from canvas_channels.core.identity.models import User
from canvas_channels.core.outbox import BULK
from channels_api.models import CommunicationChannel, Confirmation
from notifications.deciding import fan_out
from notifications.models import (
    CourseOverride,
    CoursePreference,
    Dispatch,
    MandatoryCategory,
    Message,
    Notification,
    NotificationPreference,
    QuietHours,
)
from notifications.scheduling.zones import next_daily, next_weekly, zone_of
from notifications.worker import turns
from tests.factories import (
    default_account,
    load_catalogue,
    make_account,
    make_channel,
    make_dispatch,
    make_message,
    make_user,
)
from tests.notifications.services import do_all, run_worker

pytestmark = pytest.mark.django_db

State, WaitsFor = Message.WorkflowState, Message.WaitsFor
COURSE = 12


@pytest.fixture
def user() -> User:
    return make_user(time_zone="Europe/Berlin")


def happened(*users: User, notification: str = "new_announcement", **fields: Any) -> Dispatch:
    account = fields.pop("account", None) or default_account()
    return make_dispatch(account, notification, users, workflow_state="queued", **fields)


def decide(*users: User, **fields: Any) -> Dispatch:
    dispatch = happened(*users, **fields)
    do_all(fan_out.step, dispatch.pk)
    dispatch.refresh_from_db()
    return dispatch


def choose(channel: CommunicationChannel, frequency: str, notification: str = "new_announcement") -> None:
    row = Notification.objects.get(slug=notification)
    NotificationPreference.objects.create(channel=channel, notification=row, frequency=frequency)


def messages(dispatch: Dispatch) -> dict[int | None, Message]:
    return {message.channel_id: message for message in Message.objects.filter(dispatch=dispatch)}


def delivered() -> list[int]:
    jobs = ProcrastinateJob.objects.filter(task_name="notifications.deliver_messages", priority=BULK)
    return [pk for job in jobs for pk in job.args["message_ids"]]


def wait_for(message: Message) -> tuple[str, str, datetime | None]:
    return message.workflow_state, message.waits_for, message.due_at


def test_an_email_a_push_and_a_second_email_that_chose_nothing(user: User) -> None:
    first, push, second = (
        make_channel(user),
        make_channel(user, "For All Devices", "push"),
        make_channel(user),
    )
    choose(push, "immediately")
    dispatch = decide(user, object_id="assignment:1")
    found = messages(dispatch)
    assert found.keys() == {first.pk, push.pk}
    assert sorted(delivered()) == sorted(message.pk for message in found.values())
    message = found[first.pk]
    assert (message.type, message.address, message.user, message.account) == (
        *("email", first.address, user, dispatch.account),
    )
    assert (message.kind, message.frequency, message.workflow_state) == (
        *("notification", "immediately", "created"),
    )
    assert (message.notification, message.object_id) == (dispatch.notification, "assignment:1")
    assert dispatch.withheld == {"preference": 1}
    assert (dispatch.workflow_state, dispatch.completed_at is not None) == ("completed", True)
    assert second.pk not in found


@pytest.mark.parametrize("frequency", ["daily", "weekly"])
def test_entries_of_digests_wait_for_the_users_evening_or_saturday(user: User, frequency: str) -> None:
    channel = make_channel(user)
    choose(channel, frequency)
    message = messages(decide(user))[channel.pk]
    zone = zone_of("Europe/Berlin", "")
    moments = {
        "daily": next_daily(message.created_at, zone),
        "weekly": next_weekly(message.created_at, zone, user.pk),
    }
    assert wait_for(message) == (State.STAGED, WaitsFor.DIGEST, moments[frequency])
    assert (message.kind, message.frequency) == ("digest_entry", frequency)
    assert delivered() == []


def test_the_zone_is_the_home_accounts_and_the_switches_are_the_senders() -> None:
    home = make_account("Home", default_time_zone="Australia/Lord_Howe", suppress_notifications=True)
    user = make_user(account=home)
    number = make_channel(user, "+16265550100", "sms")
    email = make_channel(user)
    choose(email, "daily")
    choose(number, "immediately")
    found = messages(decide(user, account=make_account("Sender", sms_notifications=True)))
    assert found[email.pk].due_at == next_daily(
        found[email.pk].created_at, zone_of("", "Australia/Lord_Howe")
    )
    assert found[number.pk].workflow_state == State.CREATED
    assert found[number.pk].account.name == "Sender"


def test_what_is_delayed_waits_before_anything_else(user: User) -> None:
    channel = make_channel(user)
    message = messages(decide(user, notification="submission_graded"))[channel.pk]
    assert message.waits_for == WaitsFor.DELAY
    assert message.due_at is not None
    assert abs(message.due_at - message.created_at - timedelta(hours=1)) < timedelta(minutes=1)
    assert delivered() == []


def test_quiet_hours_hold_back_devices_and_not_email(user: User) -> None:
    push, email = make_channel(user, "For All Devices", "push"), make_channel(user)
    for channel in (push, email):
        choose(channel, "immediately")
    now = datetime.now(zone_of("Europe/Berlin", ""))
    begun, end = now - timedelta(hours=2), now + timedelta(hours=2)
    QuietHours.objects.create(user=user, starts=begun.time(), ends=end.time())
    found = messages(decide(user))
    assert found[email.pk].workflow_state == State.CREATED
    assert wait_for(found[push.pk])[:2] == (State.STAGED, WaitsFor.QUIET_HOURS)
    due = found[push.pk].due_at
    assert due is not None
    assert abs(due - end) < timedelta(hours=1, minutes=1)  # clocks may change meanwhile
    QuietHours.objects.update(starts=time(0), ends=time(0))
    assert messages(decide(user))[push.pk].workflow_state == State.CREATED


def test_what_bounces_is_kept(user: User) -> None:
    channel = make_channel(user, bounce_count=1, last_bounce_at=timezone.now())
    assert wait_for(messages(decide(user))[channel.pk]) == (State.BOUNCED, WaitsFor.NOTHING, None)
    assert delivered() == []


def test_newer_news_of_a_thing_takes_the_place_of_older(user: User) -> None:
    channel = make_channel(user)
    older = decide(user, notification="submission_graded", object_id="assignment:1")
    newer = decide(user, notification="submission_graded", object_id="assignment:1")
    assert messages(older)[channel.pk].workflow_state == State.CANCELLED
    assert messages(newer)[channel.pk].workflow_state == State.STAGED


def test_choices_of_a_course() -> None:
    muted, chose, other = make_user(), make_user(), make_user()
    channels = [make_channel(user) for user in (muted, chose, other)]
    category = Notification.objects.get(slug="new_announcement").category
    CoursePreference.objects.create(user=muted, course_id=COURSE, enabled=False)
    CoursePreference.objects.create(user=other, course_id=COURSE + 1, enabled=False)
    CourseOverride.objects.create(channel=channels[1], course_id=COURSE, category=category, frequency="never")
    dispatch = decide(muted, chose, other, course_id=COURSE)
    assert messages(dispatch).keys() == {channels[2].pk}
    assert dispatch.withheld == {"muted": 1, "preference": 1}
    assert len(messages(decide(muted, chose, other))) == 3


def test_what_the_sender_made_mandatory_cannot_be_unsubscribed_from(user: User) -> None:
    first, own = make_channel(user), make_channel(user, institutional=True)
    choose(own, "never", "submission_graded")
    category = Notification.objects.get(slug="submission_graded").category
    MandatoryCategory.objects.create(account=default_account(), category=category)
    found = messages(decide(user, notification="submission_graded"))
    assert (found[own.pk].mandatory, found[own.pk].workflow_state) == (True, State.CREATED)
    assert (found[first.pk].mandatory, found[first.pk].workflow_state) == (False, State.STAGED)


def test_people_of_whom_there_is_nothing_to_write_to_are_counted() -> None:
    nobody, gone = make_user(), make_user(workflow_state="deactivated")
    new = make_user(workflow_state="pre_registered")
    for user in (gone, new):
        make_channel(user)
    assert decide(nobody, gone, new).withheld == {"no_channel": 1, "not_registered": 2}
    default_account().__class__.objects.update(suppress_notifications=True)
    dispatch = decide(nobody, gone, new)
    assert (dispatch.withheld, dispatch.workflow_state) == ({"suppressed": 3}, "completed")


def test_who_had_the_messages_of_a_day_gets_the_others_in_the_digest(user: User, settings: Settings) -> None:
    settings.MESSAGES_PER_USER_PER_DAY = 2
    channel = make_channel(user)
    decide(user)
    for fields in ({"type": "push"}, {"kind": "digest_entry"}, {"workflow_state": "cancelled"}):
        make_message(user, channel, **fields)
        dispatch = decide(user)
        assert messages(dispatch)[channel.pk].workflow_state == State.CREATED
        dispatch.delete()
    make_message(user, channel, kind="digest")
    message = messages(decide(user))[channel.pk]
    assert (message.kind, message.frequency) == ("digest_entry", "daily")
    Message.objects.filter(kind="digest").update(created_at=timezone.now() - timedelta(hours=25))
    assert messages(decide(user))[channel.pk].workflow_state == State.CREATED


def test_texts_go_to_allowed_countries_within_the_budget(settings: Settings) -> None:
    settings.SMS_ALLOWED_COUNTRIES, settings.SMS_DAILY_BUDGET = ["US"], 2
    account = default_account()
    account.sms_notifications = True
    account.save()
    users = [make_user() for _ in range(4)]
    numbers = ["+4930123456", "+16265550100", "+16265550101", "+16265550102"]
    channels = [make_channel(user, number, "sms") for user, number in zip(users, numbers, strict=True)]
    dispatch = decide(*users)
    assert messages(dispatch).keys() == {channels[1].pk, channels[2].pk}
    assert dispatch.withheld == {"type_not_allowed": 2}
    assert decide(*users).withheld == {"type_not_allowed": 4}


@pytest.fixture
def newcomer() -> CommunicationChannel:
    user = make_user(workflow_state="pre_registered")
    return make_channel(user, "new@example.edu", workflow_state="unconfirmed")


def test_who_is_to_register_is_written_to_at_an_unconfirmed_address(newcomer: CommunicationChannel) -> None:
    other = make_user()
    make_channel(other, workflow_state="unconfirmed")
    dispatch = decide(newcomer.user, other, notification="confirm_registration")
    message = messages(dispatch)[newcomer.pk]
    assert (message.workflow_state, message.mandatory) == (State.CREATED, True)
    assert dispatch.withheld == {"no_channel": 1}


@pytest.mark.parametrize(
    ("limit", "number"),
    [
        ("CONFIRMATIONS_PER_CHANNEL_PER_DAY", 3),
        ("CONFIRMATIONS_PER_USER_PER_HOUR", 3),
        ("CONFIRMATIONS_PER_EMAIL_PER_HOUR", 3),
    ],
)
def test_confirmations_and_messages_to_an_unconfirmed_address_are_limited_together(
    newcomer: CommunicationChannel, settings: Settings, limit: str, number: int
) -> None:
    setattr(settings, limit, number)
    folded = newcomer.address_folded
    Confirmation.objects.create(channel=newcomer, user=newcomer.user, address_folded=folded)
    dispatches = [decide(newcomer.user, notification="confirm_registration") for _ in range(3)]
    assert [dispatch.withheld for dispatch in dispatches] == [{}, {}, {"not_registered": 1}]


def test_an_address_that_two_newcomers_have_is_limited_once(
    newcomer: CommunicationChannel, settings: Settings
) -> None:
    settings.CONFIRMATIONS_PER_EMAIL_PER_HOUR = 1
    other = make_user(workflow_state="pre_registered")
    make_channel(other, "NEW@example.edu", workflow_state="unconfirmed")
    dispatch = decide(newcomer.user, other, notification="confirm_registration")
    assert messages(dispatch).keys() == {newcomer.pk}
    assert dispatch.withheld == {"not_registered": 1}


def test_who_said_that_they_are_not_this_user_gets_nothing_more(newcomer: CommunicationChannel) -> None:
    Confirmation.objects.create(
        channel=newcomer,
        user=newcomer.user,
        address_folded=newcomer.address_folded,
        refused_at=timezone.now() - timedelta(days=20),
    )
    dispatch = decide(newcomer.user, notification="confirm_registration")
    assert dispatch.withheld == {"not_registered": 1}


def test_an_address_that_bounced_for_somebody_else_is_not_written_to(newcomer: CommunicationChannel) -> None:
    make_channel(make_user(), newcomer.address, bounce_count=1, last_bounce_at=timezone.now())
    found = messages(decide(newcomer.user, notification="confirm_registration"))
    assert found[newcomer.pk].workflow_state == State.BOUNCED


def test_a_second_run_does_nothing(user: User) -> None:
    make_channel(user)
    dispatch = decide(user)
    do_all(fan_out.step, dispatch.pk)
    Dispatch.objects.filter(pk=dispatch.pk).update(
        workflow_state="running"
    )  # as a worker that died leaves it
    do_all(fan_out.step, dispatch.pk)
    assert Message.objects.filter(dispatch=dispatch).count() == 1
    assert len(delivered()) == 1
    dispatch.refresh_from_db()
    assert dispatch.workflow_state == "completed"


@pytest.mark.django_db(transaction=True)
def test_it_works_in_batches_and_asks_for_itself_again(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    load_catalogue()
    monkeypatch.setattr(fan_out, "BATCH", 2)
    monkeypatch.setattr(turns, "LONG", 0.0)
    users = [user, *(make_user() for _ in range(3))]
    for each in users:
        choose(make_channel(each), "never")
    dispatch = happened(*users)
    assert fan_out.step(dispatch.pk)
    dispatch.refresh_from_db()
    assert (dispatch.workflow_state, dispatch.withheld) == ("running", {"preference": 2})
    Dispatch.job.ask([dispatch.pk])
    run_worker()
    dispatch.refresh_from_db()
    assert (dispatch.workflow_state, dispatch.withheld) == ("completed", {"preference": 4})
    jobs = ProcrastinateJob.objects.filter(task_name=Dispatch.job.name).order_by("pk")
    assert [(job.args["dispatch_id"], job.priority, job.lock, job.status) for job in jobs] == [
        (dispatch.pk, BULK, f"dispatch:{dispatch.pk}", "succeeded")
    ] * 2  # the last batch, of none, is the second one's


def test_it_stops_when_it_is_cancelled(user: User) -> None:
    make_channel(user)
    dispatch = happened(user)
    Dispatch.objects.filter(pk=dispatch.pk).update(workflow_state="cancelled")
    do_all(fan_out.step, dispatch.pk)
    assert messages(dispatch) == {}
    dispatch.refresh_from_db()
    assert dispatch.workflow_state == "cancelled"


def test_a_failure_is_kept_until_it_goes_on(user: User) -> None:
    dispatch = happened(user)
    Dispatch.objects.mark_failed(dispatch.pk, "OperationalError", final=False)
    dispatch.refresh_from_db()
    assert (dispatch.failure, dispatch.workflow_state) == ("OperationalError", "queued")
    do_all(fan_out.step, dispatch.pk)
    dispatch.refresh_from_db()
    assert (dispatch.failure, dispatch.workflow_state) == ("", "completed")


@pytest.mark.parametrize("number", ["6265550100", "0049 30 901820", "nonsense"])
def test_a_number_of_old_that_is_none_stops_nobody(number: str, settings: Settings) -> None:
    settings.SMS_ALLOWED_COUNTRIES = ["US"]
    account = default_account()
    account.sms_notifications = True
    account.save()
    old, new = make_user(), make_user()
    choose(make_channel(old, number, "sms"), "immediately")
    channel = make_channel(new, "+16265550100", "sms")
    choose(channel, "immediately")
    decide(old, new)
    assert [message.channel for message in Message.objects.all()] == [channel]


@pytest.mark.parametrize("notification", ["new_announcement", "confirm_registration"])
def test_statements_do_not_grow_with_recipients(notification: str) -> None:
    account = default_account()
    account.sms_notifications = True
    account.save()

    def statements(count: int) -> int:
        users = [make_user(workflow_state=state) for state in ("registered", "pre_registered") * count]
        for number, each in enumerate(users):
            state = "unconfirmed" if each.workflow_state == "pre_registered" else "active"
            choose(make_channel(each, workflow_state=state), "immediately")
            choose(make_channel(each, f"+1626555{number:04}", "sms"), "immediately")
        dispatch = happened(*users, notification=notification, object_id="x")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            do_all(fan_out.step, dispatch.pk)
        return len(queries)

    assert statements(1) == statements(20)


def test_the_time_is_that_of_the_database(user: User) -> None:
    make_channel(user)
    completed_at = decide(user).completed_at
    with connection.cursor() as cursor:
        [now] = cursor.execute("SELECT clock_timestamp()").fetchone()
    assert completed_at is not None
    assert timedelta(0) <= now.astimezone(UTC) - completed_at < timedelta(minutes=1)
