"""The API's description, as people read it."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pages import check_page

PARTS = ["notification-preferences", "accounts", "tokens", "errors", "objects"]


def test_a_reader_finds_an_operation(page: Page) -> None:
    page.goto("/api/docs")
    check_page(page, "api-docs")
    page.get_by_role("link", name="Add a channel").click()
    expect(page.get_by_role("heading", name="Add a channel")).to_be_in_viewport()
    check_page(page, "api-channels")
    page.get_by_role("link", name="CommunicationChannel").first.click()
    expect(page.get_by_role("heading", name="CommunicationChannel")).to_be_in_viewport()


@pytest.mark.parametrize("part", PARTS)
def test_each_part_can_be_read(page: Page, part: str) -> None:
    page.goto(f"/api/docs/{part}")
    check_page(page, f"api-{part}")
