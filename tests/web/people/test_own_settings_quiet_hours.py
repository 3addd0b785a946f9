"""A user's own settings, without a browser: quiet hours and muted courses."""

from typing import Any

import pytest
from django.test import Client

from canvas_channels.core.identity.models import Account, User
from channels_api.models import AuditEntry
from notifications.models import CoursePreference, QuietHours
from notifications.settings import courses, quiet_hours
from tests.factories import load_catalogue, make_admin, make_channel, make_dispatch, make_message, make_user

pytestmark = pytest.mark.django_db

PAGE = "/profile/settings"
HOURS = f"{PAGE}/quiet-hours"
COURSES = f"{PAGE}/courses"
NIGHT: dict[str, Any] = {"from": "22:00", "to": "07:00", "days": ["monday", "sunday"]}
WRONG_TIMES = "Fill in two different times"


@pytest.fixture
def told(user: User) -> None:
    """Of a course with a name and, twice, of one that had another name before."""
    load_catalogue()
    channel = make_channel(user)
    for course_id, name in ((7, "Biology"), (42, "Physiks"), (42, "Physics")):
        dispatch = make_dispatch(user.home_account, course_id=course_id, course_name=name)
        make_message(user, channel, dispatch=dispatch)


def test_quiet_hours_are_kept_and_shown(owner: Client, user: User) -> None:
    answer = owner.post(HOURS, NIGHT, follow=True)
    assert answer.redirect_chain == [(f"{PAGE}#quiet-hours", 302)]
    assert quiet_hours.of_user(user) == NIGHT
    assert 'name="from" value="22:00"' in answer.text
    assert answer.text.count(" checked") == 2
    assert "End the quiet hours" in answer.text


@pytest.mark.parametrize("form", [{"end": "1", **NIGHT}, {"from": "", "to": ""}])
def test_they_are_ended(owner: Client, form: dict[str, Any]) -> None:
    owner.post(HOURS, NIGHT)
    assert "End the quiet hours" not in owner.post(HOURS, form, follow=True).text
    assert not QuietHours.objects.exists()


def test_their_end_is_undone_once(owner: Client, user: User) -> None:
    owner.post(HOURS, NIGHT)
    ended = owner.post(HOURS, {"end": "1"}, follow=True)
    assert f'action="{HOURS}/restore"' in ended.text
    assert f'action="{HOURS}/restore"' not in owner.post(COURSES, {"course_id": "1"}, follow=True).text
    assert 'name="from" value="22:00"' in owner.post(f"{HOURS}/restore", follow=True).text
    assert quiet_hours.of_user(user) == NIGHT
    assert AuditEntry.objects.latest("pk").details == NIGHT
    owner.post(HOURS, {"end": "1"})
    owner.post(HOURS, {**NIGHT, "from": "23:00"})
    assert "not there any more" in owner.post(f"{HOURS}/restore", follow=True).text
    assert quiet_hours.of_user(user)["from"] == "23:00"


def test_whoever_acts_as_somebody_does_not_give_them_their_own_hours(owner: Client, user: User) -> None:
    owner.post(HOURS, NIGHT)
    owner.post(HOURS, {"end": "1"})
    session = owner.session
    session["ended_quiet_hours"] = {**session["ended_quiet_hours"], "user": make_user().pk}
    session.save()
    assert "not there any more" in owner.post(f"{HOURS}/restore", follow=True).text
    assert not QuietHours.objects.exists()


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"to": ""}, WRONG_TIMES),
        ({"from": ""}, WRONG_TIMES),
        ({"to": "22:00"}, WRONG_TIMES),
        ({"from": "late"}, WRONG_TIMES),
        ({"days": ["caturday"]}, "caturday is not one of the available choices"),
        ({"from": "a\x00"}, "Null characters"),
    ],
)
def test_what_cannot_be_is_said(owner: Client, bad: dict[str, Any], words: str) -> None:
    answer = owner.post(HOURS, NIGHT | bad)
    assert answer.status_code == 400
    assert words in answer.text
    assert not QuietHours.objects.exists()


@pytest.mark.parametrize(("own", "shown"), [("", "Asia/Tokyo"), ("Europe/Berlin", "Europe/Berlin")])
def test_the_zone_is_said_that_they_are_in(owner: Client, own: str, shown: str) -> None:
    User.objects.update(time_zone=own)
    Account.objects.update(default_time_zone="Asia/Tokyo")
    assert f"The times are those of {shown}." in owner.get(PAGE).text


@pytest.mark.usefixtures("told")
def test_courses_that_one_was_told_of_can_be_muted(owner: Client, user: User) -> None:
    page = owner.get(PAGE).text
    assert page.index("Biology") < page.index("Physics")
    assert "Physiks" not in page
    answer = owner.post(COURSES, {"course_id": "42", "enabled": "0"}, follow=True)
    assert "Unmute Physics" in answer.text
    assert courses.of_course(user, 42)["enabled"] is False
    assert AuditEntry.objects.get().action == "set_course_preferences"
    answer = owner.post(COURSES, {"course_id": "42", "enabled": "1"}, follow=True)
    assert "Mute Physics" in answer.text
    assert not CoursePreference.objects.exists()


def test_one_that_was_muted_by_the_api_is_listed(owner: Client, user: User) -> None:
    CoursePreference.objects.create(user=user, course_id=1234, enabled=False)
    assert "Unmute Course 1234" in owner.get(PAGE).text


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("course_id", ["43", "", "x", "9" * 40])
def test_others_are_not_there(owner: Client, course_id: str) -> None:
    answer = owner.post(COURSES, {"course_id": course_id, "enabled": "0"}, follow=True)
    assert "It is not there any more." in answer.text
    assert not CoursePreference.objects.exists()


@pytest.mark.usefixtures("told")
def test_who_acts_sees_no_more_of_messages_than_admins_may(user: User) -> None:
    client = Client()
    client.force_login(make_admin())
    client.post(f"/users/{user.pk}/act")
    page = f"/users/{user.pk}/settings"
    assert "Physics" not in client.get(page).text
    assert client.post(f"{page}/quiet-hours", NIGHT).status_code == 302
    assert quiet_hours.of_user(user) == NIGHT
    Account.objects.update(admins_can_view_notifications=True)
    assert "Physics" in client.get(page).text


@pytest.mark.parametrize("path", ["quiet-hours", "courses"])
def test_nobody_else_chooses(user: User, path: str) -> None:
    client = Client()
    client.force_login(make_admin())
    assert client.post(f"/users/{user.pk}/settings/{path}", NIGHT).status_code == 403
    assert client.get(f"{PAGE}/{path}").status_code == 405
