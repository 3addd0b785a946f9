from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from canvas_channels.core.identity.models import Account, User
from channels_api.models import CommunicationChannel
from notifications.models import (
    CourseOverride,
    CoursePreference,
    Dispatch,
    MandatoryCategory,
    Message,
    Notification,
    NotificationPreference,
)
from notifications.preferences.topics import topic_of
from notifications.scheduling import digests
from tests.factories import make_account, make_channel, make_dispatch, make_message, make_user

pytestmark = pytest.mark.django_db

State, Kind = Message.WorkflowState, Message.Kind


@pytest.fixture(autouse=True)
def _committed() -> None:
    """These tests roll back what they write, jobs too."""


@pytest.fixture
def account() -> Account:
    return make_account("Caltech")


@pytest.fixture
def user(account: Account) -> User:
    return make_user(account=account)


@pytest.fixture
def channel(user: User) -> CommunicationChannel:
    return make_channel(user, "sheldon@example.edu")


def enter(channel: CommunicationChannel, dispatch: Dispatch | None = None, **fields: Any) -> Message:
    """What a digest is to say of a dispatch; due a minute ago."""
    dispatch = dispatch or make_dispatch(channel.user.home_account)
    defaults = {
        "kind": Kind.DIGEST_ENTRY,
        "frequency": "daily",
        "workflow_state": State.STAGED,
        "waits_for": Message.WaitsFor.DIGEST,
        "due_at": timezone.now() - timedelta(minutes=1),
        "object_id": dispatch.object_id,
    }
    return make_message(channel.user, channel, dispatch=dispatch, **defaults | fields)


def make() -> int:
    """What is due now."""
    return digests.make(timezone.now())


def made() -> list[Message]:
    return list(Message.objects.filter(kind=Kind.DIGEST).order_by("pk"))


def states(*entries: Message) -> list[str]:
    for entry in entries:
        entry.refresh_from_db()
    return [entry.workflow_state for entry in entries]


def test_what_is_due_goes_into_one_message(
    account: Account, user: User, channel: CommunicationChannel
) -> None:
    entries = [
        enter(
            channel, make_dispatch(account, "submission_graded", subject="Quiz 1 is graded", body="98 of 100")
        ),
        enter(
            channel,
            make_dispatch(
                account,
                subject="The lecture moves",
                body="To  room\n12.",
                course_name="Physics 101",
                url="https://example.edu/1",
            ),
        ),
    ]
    later = enter(channel, due_at=timezone.now() + timedelta(minutes=5))
    assert make() == 1
    [digest] = made()
    assert (digest.user, digest.channel, digest.account, digest.type) == (user, channel, account, "email")
    assert (digest.address, digest.frequency, digest.workflow_state) == (
        channel.address,
        "daily",
        State.CREATED,
    )
    assert digest.subject == "Daily notifications from Caltech"
    assert digest.body == (
        "Announcements\n-------------\n\nPhysics 101: The lecture moves\nTo room 12.\nhttps://example.edu/1\n\n\n"
        "Grades\n------\n\nQuiz 1 is graded\n98 of 100"
    )
    assert states(*entries, later) == [State.CLOSED, State.CLOSED, State.STAGED]
    assert {entry.digest for entry in entries} == {digest}
    job = ProcrastinateJob.objects.get()
    assert (job.task_name, job.args["message_ids"]) == ("notifications.deliver_messages", [digest.pk])
    assert make() == 0


def test_each_channel_and_each_account_has_its_own(
    account: Account, user: User, channel: CommunicationChannel
) -> None:
    other = make_account("MIT")
    second = make_channel(user)
    for entry in [(channel, account), (channel, account), (channel, other), (second, account)]:
        enter(entry[0], make_dispatch(entry[1]))
    assert make() == 3
    found = [(digest.channel, digest.account, digest.entries.count()) for digest in made()]
    assert Counter(found) == {(channel, account, 2): 1, (channel, other, 1): 1, (second, account, 1): 1}


def test_categories_are_in_canvas_order(account: Account, channel: CommunicationChannel) -> None:
    for slug in [
        "submission_comment",
        "new_discussion_entry",  # DiscussionEntry
        "grade_weight_changed",  # Grading Policies
        "collaboration_invitation",  # Invitation
        "alert",
        "assignment_submitted_late",  # Late Grading
        "assignment_graded",
        "submission_graded",  # Grading
        "new_announcement",
    ]:
        enter(channel, make_dispatch(account, slug))
    make()
    [digest] = made()
    with CaptureQueriesContext(connection) as queries:
        sections = digests.entries_of(digest)
        found = [
            (section.category.name, [entry.dispatch.subject for entry in section.entries])  # type: ignore[union-attr]
            for section in sections
        ]
    assert len(queries) == 1
    one = ["The lecture moves"]
    assert found == [
        ("Announcement", one),
        ("Grading", 2 * one),
        ("Late Grading", one),
        ("Invitation", one),
        ("Grading Policies", one),
        ("Submission Comment", one),
        ("Alert", one),
        ("DiscussionEntry", one),
    ]
    topics = [topic_of(section.category) for section in sections]
    assert [line for line in digest.body.splitlines() if line in topics] == topics


def test_only_the_newest_of_one_thing_is_in_it(account: Account, channel: CommunicationChannel) -> None:
    about = [("submission_graded", "a:1"), ("submission_graded", "a:1"), ("submission_graded", "a:2")]
    about += [("alert", "a:1"), ("alert", ""), ("alert", "")]
    entries = [enter(channel, make_dispatch(account, slug, object_id=name)) for slug, name in about]
    make()
    assert states(*entries) == [State.CANCELLED] + 5 * [State.CLOSED]
    [digest] = made()
    assert digest.entries.count() == 5


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"workflow_state": "retired"}, State.CANCELLED),
        ({"workflow_state": "unconfirmed"}, State.CANCELLED),
        ({"bounce_count": 1}, State.BOUNCED),
    ],
)
def test_nothing_goes_to_a_channel_that_is_not_active_or_bounces(
    channel: CommunicationChannel, fields: dict[str, Any], state: str
) -> None:
    entry = enter(channel)
    CommunicationChannel.objects.filter(pk=channel.pk).update(**fields)
    assert make() == 0
    assert states(entry) == [state]
    assert not made()
    assert not ProcrastinateJob.objects.exists()


def test_nothing_goes_to_a_channel_that_is_gone(channel: CommunicationChannel) -> None:
    entry = enter(channel)
    channel.delete()
    assert make() == 0
    assert states(entry) == [State.CANCELLED]


def test_nothing_goes_to_a_deactivated_user(channel: CommunicationChannel) -> None:
    entry = enter(channel)
    User.objects.update(workflow_state="deactivated")
    assert make() == 0
    assert states(entry) == [State.CANCELLED]


@pytest.mark.parametrize(
    ("preference", "override", "enabled", "state"),
    [
        (None, None, True, State.CLOSED),
        ("daily", None, True, State.CLOSED),
        ("immediately", None, True, State.CLOSED),
        ("never", None, True, State.CANCELLED),
        ("never", "weekly", True, State.CLOSED),
        ("daily", "never", True, State.CANCELLED),
        ("daily", "daily", False, State.CANCELLED),
    ],
)
def test_a_choice_of_never_counts_that_was_made_meanwhile(
    account: Account,
    channel: CommunicationChannel,
    preference: str | None,
    override: str | None,
    enabled: bool,
    state: str,
) -> None:
    alert = Notification.objects.get(slug="alert")
    entry = enter(channel, make_dispatch(account, "alert", course_id=7))
    elsewhere = enter(channel, make_dispatch(account, "new_announcement", course_id=8))
    if preference:
        NotificationPreference.objects.create(channel=channel, notification=alert, frequency=preference)
    if override:
        CourseOverride.objects.create(
            channel=channel, course_id=7, category=alert.category, frequency=override
        )
    CoursePreference.objects.create(user=channel.user, course_id=7, enabled=enabled)
    assert make() == 1
    assert states(entry, elsewhere) == [state, State.CLOSED]


def test_nobody_mutes_a_mandatory_category(account: Account, channel: CommunicationChannel) -> None:
    dispatch = make_dispatch(account, course_id=7)
    entry = enter(channel, dispatch)
    MandatoryCategory.objects.create(account=account, category=dispatch.notification.category)
    CoursePreference.objects.create(user=channel.user, course_id=7, enabled=False)
    make()
    assert states(entry) == [State.CLOSED]


def test_it_is_in_the_users_language(account: Account, channel: CommunicationChannel) -> None:
    enter(channel, frequency="weekly")
    User.objects.update(locale="de")
    account.name = "A" * 255
    account.save()
    make()
    [digest] = made()
    assert digest.frequency == "weekly"
    assert digest.subject.startswith("Wöchentliche Benachrichtigungen von AAA")
    assert len(digest.subject) == 255


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("word " * 1000, "word " * 59 + "word…"),
        ("w " + " " * 400 + "hidden", "w…"),
        ("字" * 301, "字" * 299 + "…"),
        ("字" * 300, "字" * 300),
    ],
)
def test_a_long_text_is_cut(account: Account, channel: CommunicationChannel, body: str, shown: str) -> None:
    enter(channel, make_dispatch(account, body=body))
    make()
    [digest] = made()
    assert digest.body.splitlines()[-1] == shown


def test_whatever_waits_can_be_made_at_once(account: Account, channel: CommunicationChannel) -> None:
    now = timezone.now()
    early, late = (enter(channel, due_at=now + timedelta(days=days)) for days in (1, 6))
    assert digests.make(now) == 0
    assert digests.make(now + timedelta(days=2)) == 1
    assert states(early, late) == [State.CLOSED, State.STAGED]
    assert digests.make() == 1
    assert states(late) == [State.CLOSED]


def test_it_takes_many_in_batches(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "_CHANNELS", 2)
    entries = [enter(make_channel(make_user(account=account))) for _ in range(5)]
    assert make() == 5
    assert states(*entries) == 5 * [State.CLOSED]


def test_a_batch_has_as_many_statements_whatever_is_in_it(account: Account) -> None:
    def statements(count: int) -> int:
        for number in range(count):
            channel = make_channel(make_user(account=account), bounce_count=number % 2)
            for _ in range(1 + number % 3):
                enter(channel)
        with CaptureQueriesContext(connection) as queries:
            make()
        return len(queries)

    assert statements(1) == statements(20)
