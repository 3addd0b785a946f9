"""The pages of admins in a browser: searching, reports with their chart, acting as a user, and refusals."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from canvas_channels.core.identity.callers import Caller
from canvas_channels.core.identity.models import Account
from channels_api import audit
from channels_api.audit import Action
from tests.browser.pages import check_page, sign_in
from tests.factories import (
    FCM_ARN,
    default_account,
    load_catalogue,
    make_admin,
    make_channel,
    make_device,
    make_key,
    make_message,
    make_site_admin,
    make_user,
)

pytestmark = pytest.mark.django_db(transaction=True)


def test_searching_and_acting(page: Page) -> None:
    load_catalogue()
    user = make_user("Sheldon Cooper", login="sheldon@caltech.example.com", sis_user_id="S-1")
    make_message(user, make_channel(user, "sheldon@caltech.example.com"))
    Account.objects.update(admins_can_view_notifications=True)
    make_device(user, make_key(name="Student for Android", sns_arn=FCM_ARN))
    sign_in(page, make_admin(name="Amy Admin"))
    page.goto("/")
    page.get_by_role("link", name="People").click()
    page.get_by_label("The beginning of a name").fill("coop")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="1 person found")).to_be_visible()
    check_page(page, "people")
    page.get_by_role("link", name="Sheldon Cooper").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sheldon Cooper")
    check_page(page, "person")
    page.get_by_role("navigation", name="Sheldon Cooper").get_by_role("link", name="Ways to contact").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ways to contact Sheldon Cooper")
    check_page(page, "channels-of-a-user")
    page.go_back()
    page.get_by_role("button", name="Act as Sheldon Cooper").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ways to contact Sheldon Cooper")
    page.get_by_label("Email address", exact=True).fill("new@example.com")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("new@example.com is added.")
    check_page(page, "acting")
    page.get_by_role("button", name="Stop acting").click()
    expect(page.get_by_role("status")).to_have_text("You are yourself again.")
    expect(page.get_by_role("heading", name="Ways to contact Sheldon Cooper")).to_be_visible()


def test_the_history_of_a_person(page: Page) -> None:
    user, admin = make_user("Sheldon Cooper"), make_admin(name="Amy Admin")
    channel = make_channel(user, "sheldon.lee.cooper.theoretical.physics@caltech.example.com")
    acting = Caller(user, admin, key=make_key(name="Student app"))
    audit.record(acting, Action.MOVE, user_id=user.pk, channel_id=channel.pk, from_position=3, position=1)
    chosen = dict.fromkeys(("assignment_graded", "submission_graded", "quiz_regrade_finished"), "daily")
    audit.record(acting, Action.SET_PREFERENCES, user_id=user.pk, channel_id=channel.pk, set=chosen)
    chosen["submission_grade_changed"] = "never"
    audit.record(acting, Action.SET_PREFERENCES, user_id=user.pk, channel_id=channel.pk, set=chosen)
    audit.record(None, Action.BOUNCE, user_id=user.pk, channel_id=channel.pk, reason="permanent")
    sign_in(page, admin)
    page.goto(f"/users/{user.pk}")
    page.get_by_role("link", name="The whole history").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("History of Sheldon Cooper")
    expect(page.get_by_text("reason: permanent")).to_be_visible()
    page.get_by_text("4 details").click()
    expect(page.get_by_text("submission_grade_changed: never")).to_be_visible()
    check_page(page, "history")
    page.get_by_label("What").select_option("Moved in the order")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_text("from_position: 3")).to_be_visible()
    expect(page.get_by_text("reason: permanent")).to_have_count(0)
    page.get_by_role("link", name="Show all").click()
    expect(page.get_by_text("reason: permanent")).to_be_visible()


def test_channels_that_reach_nobody(page: Page) -> None:
    account = default_account()
    user = make_user("Bob Bouncing", account)
    for days in (0, 1, 1, 1, 4, 4, 9, 21, 21, 40):
        when = timezone.now() - timedelta(days=days)
        why = "552 5.2.2 Mailbox full" if days == 4 else "550 5.1.1 No such user in the directory of students"
        make_channel(user, bounce_count=1, last_bounce_at=when, last_bounce_summary=why)
    make_channel(user, "waiting@example.com", workflow_state="unconfirmed")
    make_channel(user, "a-very-long-name.of-somebody@students.example.com", workflow_state="unconfirmed")
    sign_in(page, make_site_admin(account=account))
    page.goto("/users")
    page.get_by_role("link", name="Bouncing").click()
    chart = page.get_by_role("group", name="Channels by the day of their last bounce")
    expect(chart.get_by_role("img", name="Earlier: 1 channel")).to_be_visible()
    expect(chart.get_by_role("img")).to_have_count(6)
    page.get_by_text("The numbers").click()
    expect(page.get_by_role("row", name="Together")).to_have_text(re.compile("10"))
    check_page(page, "bouncing")
    page.get_by_label("Reason").select_option("The mailbox is full")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_role("heading", name="2 channels")).to_be_visible()
    page.get_by_label("All 2 of this list").check()
    boxes = page.get_by_role("checkbox", name="of Bob Bouncing")
    expect(boxes.first).to_be_checked()
    boxes.last.uncheck()
    expect(page.get_by_label("All 2 of this list")).not_to_be_checked()
    page.get_by_role("button", name="Send to the chosen ones again").click()
    expect(page.get_by_role("status")).to_have_text("Messages to 1 channel are tried again in a moment.")
    page.get_by_role("link", name="Unconfirmed").click()
    check_page(page, "unconfirmed")
    page.get_by_role("link", name="waiting@example.com").click()
    expect(page.get_by_role("heading", name="Ways to contact Bob Bouncing")).to_be_visible()


def test_channels_are_confirmed_without_scripts(without_scripts: Page) -> None:
    page, account = without_scripts, default_account()
    user = make_user("Bob Waiting", account)
    for address in ("one@example.com", "two@example.com"):
        make_channel(user, address, workflow_state="unconfirmed")
    sign_in(page, make_site_admin(account=account))
    page.goto(f"/accounts/{account.pk}/unconfirmed")
    page.get_by_role("checkbox", name="one@example.com of Bob Waiting").check()
    page.get_by_role("button", name="Confirm the chosen ones").click()
    expect(page.get_by_role("status")).to_have_text("1 channel is confirmed.")
    expect(page.get_by_role("link", name="two@example.com")).to_be_visible()
    expect(page.get_by_role("link", name="one@example.com")).to_have_count(0)


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
