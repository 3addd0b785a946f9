"""The pages of admins in a browser: searching, reports with their chart, acting as a user, and refusals."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from tests.browser.pages import check_page, sign_in
from tests.factories import default_account, make_admin, make_channel, make_user

pytestmark = pytest.mark.django_db(transaction=True)


def test_searching_and_acting(page: Page) -> None:
    user = make_user("Sheldon Cooper", login="sheldon@caltech.example.com", sis_user_id="S-1")
    make_channel(user, "sheldon@caltech.example.com")
    sign_in(page, make_admin(name="Amy Admin"))
    page.goto("/")
    page.get_by_role("link", name="People").click()
    page.get_by_label("The beginning of a name").fill("coop")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="1 person found")).to_be_visible()
    check_page(page, "people")
    page.get_by_role("link", name="Sheldon Cooper").click()
    check_page(page, "ways-of-a-user")
    page.get_by_role("button", name="Act as Sheldon Cooper").click()
    expect(page.get_by_role("heading", name="Ways to contact you")).to_be_visible()
    page.get_by_label("Email address", exact=True).fill("new@example.com")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("new@example.com is added.")
    check_page(page, "acting")
    page.get_by_role("button", name="Stop acting").click()
    expect(page.get_by_role("status")).to_have_text("You are yourself again.")
    expect(page.get_by_role("heading", name="Ways to contact Sheldon Cooper")).to_be_visible()


def test_channels_that_reach_nobody(page: Page) -> None:
    account = default_account()
    user = make_user("Bob Bouncing", account)
    for days in (0, 1, 1, 1, 4, 4, 9, 21, 21, 28):
        when = timezone.now() - timedelta(days=days)
        make_channel(user, bounce_count=1, last_bounce_at=when, last_bounce_summary="550 5.1.1 No such user")
    make_channel(user, "waiting@example.com", workflow_state="unconfirmed")
    sign_in(page, make_admin(account))
    page.goto("/users")
    page.get_by_role("link", name="Bouncing").click()
    expect(page.get_by_role("img", name="Channels by the day of their last bounce")).to_be_visible()
    page.get_by_text("The numbers").click()
    check_page(page, "bouncing")
    page.get_by_role("link", name="Unconfirmed").click()
    check_page(page, "unconfirmed")
    page.get_by_role("link", name="waiting@example.com").click()
    expect(page.get_by_role("heading", name="Ways to contact Bob Bouncing")).to_be_visible()


def test_refusals_are_pages(page: Page) -> None:
    user = make_user()
    sign_in(page, user)
    page.goto("/nowhere")
    check_page(page, "error-not-found")
    page.goto("/users")
    check_page(page, "error-forbidden")
    page.goto("/password")
    page.context.clear_cookies(name="csrftoken")
    page.get_by_role("button", name="Change the password").evaluate("button => button.form.noValidate = true")
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_role("heading", name="This page was open for too long")).to_be_visible()
    check_page(page, "error-form")
