"""Choosing a time zone and a language."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pages import check_page, sign_in
from tests.factories import make_user

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "/profile/settings"


def test_the_choices_are_kept_and_the_page_is_in_the_new_language(page: Page) -> None:
    user = make_user()
    sign_in(page, user)
    page.goto("/")
    page.get_by_role("link", name="Time zone and language").click()
    check_page(page, "settings")
    page.get_by_label("Time zone").select_option("America/Los_Angeles")
    page.get_by_label("Language").select_option("Deutsch")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_have_text("Gespeichert.")
    expect(page.get_by_role("heading", level=1)).to_have_text("Zeitzone und Sprache")
    expect(page.get_by_label("Zeitzone")).to_have_value("America/Los_Angeles")
    user.refresh_from_db()
    assert (user.time_zone, user.locale) == ("America/Los_Angeles", "de")


def test_a_zone_that_is_none_is_said_without_scripts(without_scripts: Page) -> None:
    page = without_scripts
    sign_in(page, make_user())
    page.goto(PAGE)
    page.get_by_label("Time zone").locator("option").last.evaluate("option => option.value = 'Mars/Olympus'")
    page.get_by_label("Time zone").select_option("Mars/Olympus")
    page.get_by_role("button", name="Save").click()
    zone = page.get_by_label("Time zone")
    expect(zone).to_have_accessible_description("There is no such time zone. Choose one from the list.")
    expect(zone).to_have_attribute("aria-invalid", "true")
