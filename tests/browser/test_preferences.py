"""Choosing how often one is told about what."""

import pytest
from playwright.sync_api import Page, expect

from canvas_channels.core.identity.models import Account
from notifications.preferences import mandatory, rules
from notifications.preferences.models import NotificationCategory
from tests.browser.pages import check_page, sign_in
from tests.factories import load_catalogue, make_channel, make_user

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "/profile/notifications"


@pytest.fixture(autouse=True)
def _catalogue(transactional_db: None) -> None:
    load_catalogue()


def test_a_choice_is_saved_at_once_and_keeps_the_keyboards_place(page: Page) -> None:
    user = make_user()
    first, second, _ = (make_channel(user), make_channel(user), make_channel(user))
    sign_in(page, user)
    page.goto(PAGE)
    expect(page.get_by_role("combobox", name=f"Grades {first.address}")).to_have_value("immediately")
    choice = page.get_by_role("combobox", name=f"Grades {second.address}")
    choice.select_option("weekly")
    expect(page.get_by_role("status")).to_have_text("Saved.")
    expect(choice).to_have_value("weekly")
    choice.select_option("never")
    choice.select_option("weekly")
    page.wait_for_load_state("networkidle")
    check_page(page, "preferences")
    assert {entry["frequency"] for entry in rules.of_channel(second) if entry["category"] == "grading"} == {
        "weekly"
    }


def test_without_scripts_the_button_saves(without_scripts: Page) -> None:
    page = without_scripts
    user = make_user()
    channel = make_channel(user)
    sign_in(page, user)
    page.goto(PAGE)
    page.get_by_role("combobox", name=f"Grades {channel.address}").select_option("daily")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_have_text("Saved.")
    expect(page.get_by_role("combobox", name=f"Grades {channel.address}")).to_have_value("daily")


def test_what_the_institution_decided_is_locked(page: Page) -> None:
    user = make_user()
    first, second = make_channel(user), make_channel(user)
    Account.objects.update(name="Caltech")
    category = NotificationCategory.objects.get(slug="grading")
    mandatory.change(user.home_account, {category.pk: True})
    sign_in(page, user)
    page.goto(PAGE)
    row = page.get_by_role("row", name="Grades")
    expect(row.get_by_role("rowheader")).to_contain_text("Decided by Caltech: always by email, at once.")
    expect(page.get_by_role("combobox", name=f"Grades {first.address}")).to_have_count(0)
    expect(row.get_by_role("cell").first).to_have_text("At once")
    expect(page.get_by_role("combobox", name=f"Grades {second.address}")).to_be_visible()
    expect(page.get_by_text("Decided by")).to_have_count(1)
    check_page(page, "preferences-mandatory")
