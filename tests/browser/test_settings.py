"""Choosing a time zone and a language, quiet hours, and which courses are muted."""

import re

import pytest
from playwright.sync_api import Page, expect

from canvas_channels.core.identity.models import User
from notifications.settings import courses, quiet_hours
from tests.browser.pages import check_page, sign_in
from tests.factories import load_catalogue, make_channel, make_dispatch, make_message, make_user

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "/profile/settings"


def test_the_choices_are_kept_and_the_page_is_in_the_new_language(page: Page) -> None:
    user = make_user()
    sign_in(page, user)
    page.goto("/")
    page.get_by_role("link", name="Settings").click()
    check_page(page, "settings")
    page.get_by_label("Time zone", exact=True).select_option("America/Los_Angeles")
    page.get_by_role("combobox", name="Language").select_option("Deutsch")
    page.get_by_role("button", name="Save").first.click()
    expect(page.get_by_role("status")).to_have_text("Gespeichert.")
    expect(page.get_by_role("heading", level=1)).to_have_text("Einstellungen")
    expect(page.get_by_label("Zeitzone", exact=True)).to_have_value("America/Los_Angeles")
    user.refresh_from_db()
    assert (user.time_zone, user.locale) == ("America/Los_Angeles", "de")


def test_a_zone_that_is_none_is_said_without_scripts(without_scripts: Page) -> None:
    page = without_scripts
    sign_in(page, make_user())
    page.goto(PAGE)
    page.get_by_label("Time zone", exact=True).locator("option").last.evaluate(
        "option => option.value = 'Mars/Olympus'"
    )
    page.get_by_label("Time zone", exact=True).select_option("Mars/Olympus")
    page.get_by_role("button", name="Save").first.click()
    zone = page.get_by_label("Time zone", exact=True)
    expect(zone).to_have_accessible_description("There is no such time zone. Choose one from the list.")
    expect(zone).to_have_attribute("aria-invalid", "true")


def test_quiet_hours_are_set_and_ended_without_scripts(without_scripts: Page) -> None:
    page = without_scripts
    user = make_user(time_zone="Europe/Berlin")
    sign_in(page, user)
    page.goto(PAGE)
    expect(page.get_by_text("The times are those of Europe/Berlin.")).to_be_visible()
    page.get_by_label("From", exact=True).fill("22:00")
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_label("From", exact=True)).to_have_value("22:00")
    expect(page.get_by_label("From", exact=True)).not_to_have_attribute("aria-invalid", "true")
    until = page.get_by_label("To", exact=True)
    expect(until).to_have_accessible_description(
        "Fill in two different times, as 22:00 and 07:00; or neither, and there are none."
    )
    until.fill("07:00")
    page.get_by_role("group", name="Beginning on").get_by_label("Sunday").check()
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_role("status")).to_have_text("Saved.")
    expect(page.get_by_label("Sunday")).to_be_checked()
    assert quiet_hours.of_user(user) == {"from": "22:00", "to": "07:00", "days": ["sunday"]}
    page.get_by_role("button", name="End the quiet hours").click()
    expect(page.get_by_label("From", exact=True)).to_have_value("")
    assert quiet_hours.of_user(user)["from"] is None


def test_a_course_is_muted_and_the_page_can_be_used_by_everybody(page: Page) -> None:
    load_catalogue()
    user = make_user()
    channel = make_channel(user)
    for pk, name in ((42, "Physics 101"), (43, "")):
        dispatch = make_dispatch(user.home_account, course_id=pk, course_name=name)
        make_message(user, channel, dispatch=dispatch)
    sign_in(page, user)
    page.goto(PAGE)
    page.get_by_label("From", exact=True).fill("22:00")
    page.get_by_label("To", exact=True).fill("07:00")
    page.get_by_role("button", name="Save").last.click()
    page.get_by_role("button", name="Mute Physics 101").click()
    expect(page.get_by_role("status")).to_have_text("Saved.")
    expect(page.get_by_role("button", name="Unmute Physics 101")).to_be_visible()
    expect(page.get_by_role("heading", name="Course 43")).to_be_visible()
    page.reload()
    check_page(page, "settings-chosen")
    User.objects.update(locale="de")
    page.reload()
    check_page(page, "settings-chosen-de")
    User.objects.update(locale="")
    page.reload()
    assert not courses.of_course(user, 42)["enabled"]
    page.get_by_role("button", name="Unmute Physics 101").click()
    expect(page.get_by_role("button", name="Mute Physics 101")).to_be_visible()
    assert courses.of_course(user, 42)["enabled"]


def test_choices_for_one_course(page: Page) -> None:
    load_catalogue()
    user = make_user("Sheldon Cooper")
    channel = make_channel(user, "sheldon.lee.cooper@caltech.example.com")
    told = make_dispatch(user.home_account, course_id=12, course_name="Introduction to Quantum Mechanics")
    make_message(user, channel, dispatch=told)
    sign_in(page, user)
    page.goto(PAGE)
    page.get_by_role("link", name="What you are told of Introduction to Quantum Mechanics").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Introduction to Quantum Mechanics")
    choice = page.get_by_role("combobox", name=re.compile("^Announcements sheldon"))
    expect(choice).to_have_value("")
    choice.select_option("Never")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_have_text("Saved.")
    expect(choice).to_have_value("never")
    check_page(page, "course")
    page.get_by_role("link", name="All courses").click()
    expect(page.get_by_text("Some of your choices are different for this course.")).to_be_visible()
