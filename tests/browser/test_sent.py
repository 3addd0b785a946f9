"""The page of what was sent, and a test message whose result comes by itself."""

import pytest
from playwright.sync_api import Page, expect

from canvas_channels.core.identity.models import User
from notifications.models import Message
from tests.browser.pages import check_page, sign_in
from tests.factories import load_catalogue, make_channel, make_dispatch, make_message, make_user

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_was_sent(page: Page) -> None:
    load_catalogue()
    user = make_user("Sheldon Cooper", time_zone="America/Los_Angeles")
    email = make_channel(user, "sheldon.lee.cooper.theoretical.physics@caltech.example.com")
    push = make_channel(user, "For All Devices", "push")
    long = make_dispatch(
        user.home_account, subject="The lecture moves " * 8, body="To room 12.\n\nBring chalk."
    )
    make_message(user, email, dispatch=long)
    make_message(user, email, workflow_state="bounced", failure="There is no such mailbox.")
    make_message(user, email, workflow_state="staged", waits_for="digest", kind="digest_entry")
    devices = {"1": {"state": "accepted", "reason": None}, "2": {"state": "refused", "reason": "It is off."}}
    make_message(user, push, devices=devices)
    sign_in(page, user)
    page.goto("/profile/communication")
    page.get_by_role("link", name="Messages", exact=True).click()
    expect(page.get_by_role("heading", name="Messages to you")).to_be_visible()
    expect(page.get_by_text("A device did not get it: It is off.")).to_be_visible()
    page.get_by_text("What it says").last.click()
    expect(page.get_by_text("Bring chalk.")).to_be_visible()
    check_page(page, "messages")
    page.get_by_label("State").select_option("Came back, or could not be sent")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_text("There is no such mailbox.")).to_be_visible()
    expect(page.get_by_role("heading", level=2)).to_have_count(1)
    User.objects.update(locale="de")
    page.get_by_role("link", name="Show all").click()
    expect(page.get_by_text("Wartet auf die nächste Zusammenfassung")).to_be_visible()
    check_page(page, "messages-de")


def test_a_test_message_and_its_result(page: Page) -> None:
    user = make_user("Sheldon Cooper")
    make_channel(user, "sheldon@caltech.example.com")
    sign_in(page, user)
    page.goto("/profile/communication")
    button = page.get_by_role("button", name="Send a test message to sheldon@caltech.example.com")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("A test message is on its way to sheldon@caltech.example.com.")).to_be_visible()
    expect(button).to_be_focused()
    expect(page.get_by_text("On its way", exact=True)).to_be_visible()
    check_page(page, "channels-test")
    Message.objects.update(workflow_state="sent")
    expect(page.get_by_text("Sent", exact=True)).to_be_visible()
    expect(page.get_by_text("On its way", exact=True)).to_have_count(0)
