"""The page of notification preferences, without a browser."""

import pytest
from django.test import Client

from channels_api.models import AuditEntry, CommunicationChannel
from notifications.preferences import mandatory, rules
from notifications.preferences.models import NotificationCategory, NotificationPreference
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
    for _ in range(3):
        last = make_channel(channel.user)
    assert last.address not in owner.get(PAGE).text
    assert last.address in owner.get(f"{PAGE}?page=2").text


def test_who_cannot_be_contacted_has_nothing_to_choose() -> None:
    client = Client()
    client.force_login(make_user())
    assert "nothing to choose" in client.get(PAGE).text
