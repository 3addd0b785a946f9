"""Pages stay light, however much there is to show."""

import pytest
from playwright.sync_api import Page

from tests.browser.pages import check_weight, sign_in
from tests.factories import load_catalogue, make_channel, make_user

pytestmark = pytest.mark.django_db(transaction=True)
MOST = 100  # channels of a user


def test_the_page_of_a_hundred_channels(page: Page) -> None:
    sheldon = make_user()
    for number in range(MOST):
        make_channel(sheldon, f"sheldon{number}@caltech.example.com", workflow_state="unconfirmed")
    sign_in(page, sheldon)
    page.goto("/profile/communication")
    assert page.locator(".channels").get_by_role("heading", level=3).count() == MOST
    check_weight(page)
    page.get_by_role("button", name="Move sheldon0@caltech.example.com down").click()
    page.get_by_role("status").get_by_role("listitem").wait_for()
    check_weight(page)


def test_the_preferences_of_many_channels(page: Page) -> None:
    load_catalogue()
    sheldon = make_user()
    for number in range(8):
        make_channel(sheldon, f"sheldon{number}@caltech.example.com")
    sign_in(page, sheldon)
    page.goto("/profile/notifications")
    assert page.locator("td select").count() > 8 * 10
    check_weight(page)
