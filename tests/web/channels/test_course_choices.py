"""The page of what a user is told of one course, where that is not as usual."""

import re

import pytest

from canvas_channels.core.identity.models import User
from channels_api.models import AuditEntry, CommunicationChannel
from notifications.models import CourseOverride
from notifications.preferences import mandatory
from notifications.preferences.catalogue import ALWAYS
from notifications.preferences.models import NotificationCategory
from tests.factories import (
    load_catalogue,
    make_account,
    make_admin,
    make_channel,
    make_dispatch,
    make_message,
    make_user,
)
from tests.web.clients import signed_in

pytestmark = pytest.mark.django_db

PAGE = "/profile/settings/courses/12"


@pytest.fixture
def user() -> User:
    load_catalogue()
    return make_user(account=make_account("Caltech", is_default=True, admins_can_view_notifications=True))


@pytest.fixture
def channel(user: User) -> CommunicationChannel:
    channel = make_channel(user, "sheldon@example.com")
    told = make_dispatch(user.home_account, course_id=12, course_name="Physics 101")
    make_message(user, channel, dispatch=told)
    return channel


def chosen(channel: CommunicationChannel) -> dict[str, str]:
    return dict(CourseOverride.objects.filter(channel=channel).values_list("category__slug", "frequency"))


def test_a_choice_is_saved_and_shown(user: User, channel: CommunicationChannel) -> None:
    client = signed_in(user)
    assert "Physics 101" in client.get("/profile/settings").content.decode()
    form = {
        f"{channel.pk}.announcement": "never",
        f"{channel.pk}.grading": "",
        f"{channel.pk}.files": "daily",
    }
    assert client.post(PAGE, form, follow=True).redirect_chain == [(PAGE, 302)]
    assert chosen(channel) == {"announcement": "never", "files": "daily"}
    shown = client.get(PAGE).content.decode()
    assert "<h1>Physics 101</h1>" in shown
    assert shown.count("selected") == NotificationCategory.objects.exclude(slug__in=ALWAYS).count()
    assert '<option value="never" selected>' in shown
    client.post(PAGE, {f"{channel.pk}.announcement": ""})
    assert chosen(channel) == {"files": "daily"}
    entry = AuditEntry.objects.filter(action="set_course_preferences").latest("pk")
    assert entry.user_id == user.pk


def test_what_does_not_wait_for_a_choice_is_locked_where_it_goes(
    user: User, channel: CommunicationChannel
) -> None:
    second = make_channel(user, institutional=True)
    mandatory.change(user.home_account, {NotificationCategory.objects.get(slug="grading").pk: True})
    shown = signed_in(user).get(PAGE).text
    assert shown.count("Decided by Caltech: always by email, at once.") == 1
    assert cells(shown, "grading") == [f'name="{channel.pk}.grading"', "At once"]
    assert cells(shown, "registration") == ["At once", "Not possible"]
    assert cells(shown, "files") == [f'name="{channel.pk}.files"', f'name="{second.pk}.files"']


def cells(page: str, slug: str) -> list[str]:
    """A category's: the name of each field, or what is there instead."""
    row = page.partition(f'id="{slug}"')[2].partition("</tr>")[0]
    said = r'name="[^"]*"|At once(?=</span>)|Not possible'
    return [found[0] for cell in row.split("<td>")[1:] if (found := re.findall(said, cell))]


def test_channels_on_other_pages_keep_theirs(user: User, channel: CommunicationChannel) -> None:
    others = [make_channel(user) for _ in range(8)]
    category = NotificationCategory.objects.get(slug="alert")
    CourseOverride.objects.create(channel=others[7], course_id=12, category=category, frequency="weekly")
    client = signed_in(user)
    field = f'name="{others[7].pk}.alert"'
    assert field not in client.get(PAGE).content.decode()
    assert field in client.get(f"{PAGE}?page=2").content.decode()
    client.post(PAGE, {f"{channel.pk}.alert": "daily"})
    assert chosen(others[7]) == {"alert": "weekly"}


def test_what_is_no_choice_changes_nothing(user: User, channel: CommunicationChannel) -> None:
    foreign = make_channel(make_user())
    form = {
        f"{foreign.pk}.alert": "daily",
        f"{channel.pk}.nothing": "daily",
        f"{channel.pk}.alert": "hourly",
        "x.alert": "daily",
    }
    signed_in(user).post(PAGE, form)
    assert not CourseOverride.objects.exists()


def test_a_course_that_one_was_not_told_of(user: User, channel: CommunicationChannel) -> None:
    client = signed_in(user)
    assert client.get(PAGE.replace("12", "13")).status_code == 404
    assert client.post(PAGE.replace("12", "13")).status_code == 404


def test_admins_only_by_acting(user: User, channel: CommunicationChannel) -> None:
    admin = signed_in(make_admin(user.home_account))
    path = f"/users/{user.pk}/settings/courses/12"
    assert admin.get(path).status_code == 403
    admin.post(f"/users/{user.pk}/act")
    shown = admin.get(path).text
    heading = f"Physics 101: Notifications of {user.name}"
    assert f"<h1>{heading}</h1>" in shown
    assert f"<title>{heading}" in shown
    assert "How often they are told about what in this course." in shown
    assert "How often you are told about what in this course." in signed_in(user).get(PAGE).text
    admin.post(path, {f"{channel.pk}.alert": "daily"})
    assert chosen(channel) == {"alert": "daily"}


def test_who_has_no_channel_is_told_so(user: User, channel: CommunicationChannel) -> None:
    CommunicationChannel.objects.update(workflow_state="retired")
    assert "There is no way to contact you yet" in signed_in(user).get(PAGE).text
    admin = signed_in(make_admin(user.home_account))
    admin.post(f"/users/{user.pk}/act")
    shown = admin.get(f"/users/{user.pk}/settings/courses/12").text
    assert f"There is no way to contact {user.name} yet" in shown


def test_the_bar_marks_the_settings_that_it_belongs_to(user: User, channel: CommunicationChannel) -> None:
    marked = re.compile('href="([^"]+)"[^>]* aria-current="true"')
    assert set(marked.findall(signed_in(user).get(PAGE).text)) == {"/profile/settings"}
    admin = signed_in(make_admin(user.home_account))
    admin.post(f"/users/{user.pk}/act")
    shown = admin.get(f"/users/{user.pk}/settings/courses/12").text
    assert set(marked.findall(shown)) == {"/profile/settings"}
