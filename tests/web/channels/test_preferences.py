"""The page of notification preferences, without a browser."""

import re

import pytest
from django.test import Client
from pytest_django import Settings

from canvas_channels.core.identity.models import Account, User
from channels_api.models import AuditEntry, CommunicationChannel
from notifications.preferences import mandatory, rules
from notifications.preferences.models import (
    CoursePreference,
    Notification,
    NotificationCategory,
    NotificationPreference,
    QuietHours,
)
from tests.factories import make_admin, make_channel, make_user

pytestmark = pytest.mark.django_db

PAGE = "/profile/notifications"


@pytest.fixture
def channel() -> CommunicationChannel:
    return make_channel(make_user())


@pytest.fixture
def owner(channel: CommunicationChannel) -> Client:
    client = Client()
    client.force_login(channel.user)
    return client


def grading(channel: CommunicationChannel) -> set[str]:
    return {entry["frequency"] for entry in rules.of_channel(channel) if entry["category"] == "grading"}


def test_only_what_differs_from_what_was_shown_is_written(
    owner: Client, channel: CommunicationChannel
) -> None:
    shown = {f"{channel.pk}.files.never": "never", f"{channel.pk}.grading.immediately": "daily"}
    owner.post(PAGE, shown)
    assert grading(channel) == {"daily"}
    assert AuditEntry.objects.count() == 1


def test_several_frequencies_in_a_category_stay_until_one_is_chosen(
    owner: Client, channel: CommunicationChannel
) -> None:
    owner.post(PAGE, {f"{channel.pk}.grading.immediately": "daily"})
    NotificationPreference.objects.filter(notification__slug="quiz_regrade_finished").update(
        frequency="never"
    )
    field = f"{channel.pk}.grading.mixed"
    assert f'name="{field}"' in owner.get(PAGE).text
    owner.post(PAGE, {field: "mixed"})
    assert grading(channel) == {"daily", "never"}
    owner.post(PAGE, {field: "weekly"})
    assert grading(channel) == {"weekly"}


def test_a_mandatory_category_is_locked_where_it_goes_and_says_who_decided(
    owner: Client, channel: CommunicationChannel
) -> None:
    second = make_channel(channel.user)
    account = channel.user.home_account
    mandatory.change(account, {NotificationCategory.objects.get(slug="grading").pk: True})
    page = owner.get(PAGE).text
    assert page.count(f"Decided by {account.name}: always by email, at once.") == 1
    assert f'name="{channel.pk}.grading.' not in page
    assert f'name="{second.pk}.grading.' in page
    assert f'name="{channel.pk}.files.' in page


@pytest.mark.parametrize(
    "field",
    ["{}.grading.never", "{}.nonsense.never", "999999.grading.never"],
    ids=["value", "topic", "channel"],
)
def test_what_cannot_be_is_refused_as_a_whole(
    owner: Client, channel: CommunicationChannel, field: str
) -> None:
    form = {f"{channel.pk}.files.never": "daily", field.format(channel.pk): "sometimes"}
    assert "That could not be saved." in owner.post(PAGE, form, follow=True).text
    assert not NotificationPreference.objects.exists()


def test_admins_read_and_do_not_write(channel: CommunicationChannel) -> None:
    client = Client()
    client.force_login(make_admin())
    path = f"/users/{channel.user_id}/notifications"
    assert "<select" not in client.get(path).text
    assert client.post(path, {f"{channel.pk}.grading.daily": "never"}).status_code == 403


def test_others_see_nothing(channel: CommunicationChannel) -> None:
    client = Client()
    client.force_login(make_user())
    assert client.get(f"/users/{channel.user_id}/notifications").status_code == 403


def test_another_users_channel_is_out_of_reach(owner: Client) -> None:
    other = make_channel(make_user())
    owner.post(PAGE, {f"{other.pk}.grading.immediately": "never"})
    assert not NotificationPreference.objects.exists()


def test_many_channels_come_in_pages(owner: Client, channel: CommunicationChannel) -> None:
    for _ in range(8):
        last = make_channel(channel.user)
    assert last.address not in owner.get(PAGE).text
    assert last.address in owner.get(f"{PAGE}?page=2").text


def test_who_cannot_be_contacted_has_nothing_to_choose() -> None:
    client = Client()
    client.force_login(make_user())
    assert "nothing to choose" in client.get(PAGE).text


def options(page: str, field: str) -> list[str]:
    """The values of a cell's choice; none where there is no choice."""
    select = page.partition(f'<select name="{field}')[2].partition("</select>")[0]
    return re.findall(r'<option value="?(\w+)', select)


ALL = ["immediately", "daily", "weekly", "never"]


def test_texts_and_pushes_offer_what_can_happen(owner: Client, channel: CommunicationChannel) -> None:
    number = make_channel(channel.user, "+12025550100", "sms")
    push = make_channel(channel.user, "For All Devices", "push")
    NotificationPreference.objects.create(
        channel=push, notification=Notification.objects.get(slug="new_announcement"), frequency="daily"
    )
    page = owner.get(PAGE).text
    assert options(page, f"{channel.pk}.announcement.immediately") == ALL
    assert options(page, f"{push.pk}.announcement.never") == ["immediately", "never"]  # a digest is by email
    assert options(page, f"{push.pk}.files.") == []  # of which nothing goes to devices
    assert options(page, f"{number.pk}.announcement.") == []
    assert f"{channel.user.home_account.name} sends no notifications to it." in page
    Account.objects.update(sms_notifications=True, push_notifications=False)
    page = owner.get(PAGE).text
    assert options(page, f"{number.pk}.files.never") == ["immediately", "never"]
    assert options(page, f"{push.pk}.announcement.") == []


def test_no_text_is_offered_to_a_number_of_another_country(
    owner: Client, channel: CommunicationChannel, settings: Settings
) -> None:
    settings.SMS_ALLOWED_COUNTRIES = ["US"]
    Account.objects.update(sms_notifications=True)
    number = make_channel(channel.user, "+493012345678", "sms")
    assert options(owner.get(PAGE).text, f"{number.pk}.announcement.") == []


def test_what_nobody_can_switch_off_is_locked_at_the_first_email(
    owner: Client, channel: CommunicationChannel
) -> None:
    institutional = make_channel(channel.user, institutional=True)
    page = owner.get(PAGE).text
    assert page.count("Always by email, at once.") == 2
    row = page.partition('id="registration"')[2].partition("</tr>")[0]
    first, second = row.split("<td>")[1:]
    assert "At once" in first
    assert "Not possible" in second
    assert not options(page, f"{institutional.pk}.registration")


def test_topics_are_in_groups(owner: Client, channel: CommunicationChannel) -> None:
    own = NotificationCategory.objects.create(name="Canteen", default_frequency="daily", position=1)
    Notification.objects.create(name="Menu", category=own)
    page = owner.get(PAGE).text
    groups = re.findall('<th scope="rowgroup"[^>]*>([^<]*)</th>', page)
    assert groups == [
        *("Course activities", "Discussions", "Conversations", "Scheduling"),
        *("Groups", "Alerts", "Conferences", "The institution"),
    ]
    assert page.index("The institution</th>") < page.index("Canteen")


def test_all_of_a_channel_is_set_at_once(owner: Client, channel: CommunicationChannel) -> None:
    push = make_channel(channel.user, "For All Devices", "push")
    owner.post(
        PAGE, {f"{channel.pk}.all": "weekly", f"{channel.pk}.files.never": "daily", f"{push.pk}.all": ""}
    )
    by_category = {entry["category"]: entry["frequency"] for entry in rules.of_channel(channel)}
    assert by_category.pop("files") == "daily"
    assert {by_category.pop("registration"), by_category.pop("migration")} == {"immediately"}
    assert set(by_category.values()) == {"weekly"}
    assert AuditEntry.objects.count() == 2
    assert "That could not be saved." in owner.post(PAGE, {f"{push.pk}.all": "daily"}, follow=True).text
    other = make_channel(make_user())
    owner.post(PAGE, {f"{other.pk}.all": "never"})
    assert not NotificationPreference.objects.filter(channel__in=[push, other]).exists()


def test_digests_quiet_hours_and_muted_courses_are_in_words(
    owner: Client, channel: CommunicationChannel
) -> None:
    User.objects.update(time_zone="Europe/Berlin")
    page = owner.get(PAGE).text
    assert re.search(r"The next daily one comes on \w+day at 6 p.m.", page)
    assert page.count("None.") == 2
    QuietHours.objects.create(user=channel.user, starts="22:00", ends="07:00", days=[1, 7])
    CoursePreference.objects.create(user=channel.user, course_id=12, enabled=False)
    page = owner.get(PAGE).text
    assert "10 p.m. to 7 a.m., Monday, Sunday (Europe/Berlin)." in page
    assert "Course 12." in page


def test_the_tables_head_says_the_state_of_each_channel(owner: Client, channel: CommunicationChannel) -> None:
    make_channel(channel.user, "waits@example.com", workflow_state="unconfirmed")
    make_channel(channel.user, "bad@example.com", bounce_count=1)
    [head] = re.findall("<thead>.*?</thead>", owner.get(PAGE).text, re.DOTALL)
    _, well, waits, bad = head.split('<th scope="col">')[1:]
    assert "badge" not in well
    assert '<span class="badge waits">Not confirmed</span>' in waits
    assert '<span class="badge bad">Messages come back</span>' in bad
