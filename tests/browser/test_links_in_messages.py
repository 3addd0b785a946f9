"""The pages behind the links of messages, as their readers see them."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from channels_api.messages import confirmations
from channels_api.messages.confirmations import Issued
from channels_api.models import CommunicationChannel, Confirmation
from notifications.messages import unsubscribing
from notifications.models import NotificationCategory
from notifications.preferences import rules
from tests.browser.pages import check_page
from tests.factories import issue_code, load_catalogue, make_channel, make_user

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def issued() -> Issued:
    """What the message to a new address of Sheldon's brought."""
    channel = make_channel(make_user("Sheldon"), "new@example.com", workflow_state="unconfirmed")
    assert confirmations.resend(channel)
    return issue_code(Confirmation.objects.get())


def state() -> str:
    return CommunicationChannel.objects.get().workflow_state


def test_confirming(page: Page, issued: Issued) -> None:
    page.goto(f"/register/{issued.code}")
    check_page(page, "register")
    page.get_by_role("button", name="Confirm this address").click()
    expect(page.get_by_role("heading", name="Address confirmed")).to_be_visible()
    check_page(page, "registered")
    assert state() == "active"
    page.goto(f"/register/{issued.code}")
    expect(page.get_by_role("heading", name="This link was used already")).to_be_visible()
    check_page(page, "register-refused")


def test_it_was_not_me(page: Page, issued: Issued) -> None:
    page.goto(f"/not-me/{issued.refusal}")
    check_page(page, "not-me")
    assert state() == "unconfirmed"
    page.get_by_role("button", name="Remove this address").click()
    expect(page.get_by_role("button", name="Remove this address")).to_have_count(0)
    check_page(page, "not-me-done")
    assert state() == "retired"
    page.goto(f"/not-me/{issued.refusal}")
    check_page(page, "not-me-refused")


def test_unsubscribing(page: Page) -> None:
    load_catalogue()
    channel = make_channel(make_user(), "sheldon@example.com")
    about = NotificationCategory.objects.get(slug="announcement")
    page.goto(urlsplit(unsubscribing.link(channel, [about.pk])).path)
    expect(page.get_by_role("main").get_by_role("listitem")).to_have_text("Announcements")
    check_page(page, "unsubscribe")
    page.get_by_role("button", name="Unsubscribe").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Unsubscribed")
    check_page(page, "unsubscribed")
    told = {each["frequency"] for each in rules.of_channel(channel) if each["category"] == about.slug}
    assert told == {"never"}
