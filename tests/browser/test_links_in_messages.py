"""The pages behind the links of a confirmation message, as whoever reads it sees them."""

import pytest
from playwright.sync_api import Page, expect

from channels_api.messages import confirmations
from channels_api.messages.confirmations import Issued
from channels_api.models import CommunicationChannel, Confirmation
from tests.browser.pages import check_page
from tests.factories import make_channel, make_user

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def issued() -> Issued:
    """What the message to a new address of Sheldon's brought."""
    channel = make_channel(make_user("Sheldon"), "new@example.com", workflow_state="unconfirmed")
    assert confirmations.resend(channel)
    return confirmations.issue_code(Confirmation.objects.get())


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
