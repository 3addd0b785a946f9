"""Pages that have nothing to show, and what an admin sees of somebody's choices without changing them."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pages import check_page, sign_in
from tests.factories import (
    default_account,
    load_catalogue,
    make_admin,
    make_channel,
    make_site_admin,
    make_user,
)

pytestmark = pytest.mark.django_db(transaction=True)


def test_who_cannot_be_reached(page: Page) -> None:
    sign_in(page, make_user())
    page.goto("/profile/communication")
    expect(page.get_by_role("heading", name="There is none yet.")).to_be_visible()
    check_page(page, "channels-none")
    page.goto("/profile/notifications")
    expect(page.get_by_role("main")).to_contain_text("There is no way to contact you yet")
    check_page(page, "preferences-none")
    page.get_by_role("link", name="Add one").click()
    expect(page.get_by_label("Email address", exact=True)).to_be_visible()


def test_who_was_sent_nothing(page: Page) -> None:
    sign_in(page, make_user())
    page.goto("/profile/messages")
    expect(page.get_by_text("Nothing was sent.")).to_be_visible()
    check_page(page, "messages-none")


@pytest.mark.parametrize("report", ["bouncing", "unconfirmed"])
def test_reports_of_nothing(page: Page, report: str) -> None:
    account = default_account()
    sign_in(page, make_site_admin(account=account))
    page.goto(f"/accounts/{account.pk}/{report}")
    expect(page.get_by_text("There are none.")).to_be_visible()
    check_page(page, f"{report}-none")


def test_an_admin_sees_somebodys_choices(page: Page) -> None:
    load_catalogue()
    user = make_user("Sheldon Cooper")
    sign_in(page, make_admin())
    page.goto(f"/users/{user.pk}/notifications")
    expect(page.get_by_role("main")).to_contain_text("There is no way to contact Sheldon Cooper yet")
    check_page(page, "preferences-of-a-user-none")
    make_channel(user, "sheldon@caltech.example.com"), make_channel(user, "+16265550100", "sms")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Notifications of Sheldon Cooper")
    grades = page.get_by_role("row", name="Grades").get_by_role("cell")
    expect(grades.first).to_have_text("At once")
    expect(page.get_by_role("combobox")).to_have_count(0)
    check_page(page, "preferences-of-a-user")
