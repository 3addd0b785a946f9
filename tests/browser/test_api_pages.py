"""The API's description, as people read it."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.pages import check_page
from tests.live import LiveServer

PARTS = ["notification-preferences", "accounts", "tokens", "errors", "objects"]
IN_THE_PAGES_LANGUAGE = """
() => [...document.querySelectorAll("main :not(:has(*))")]
    .filter(element => element.closest("[lang]") === document.documentElement && element.textContent.trim())
    .map(element => element.textContent.trim())
"""
GERMAN = {
    *("API", "Suchen und ausprobieren", "Überblick", "Fehler", "Objekte", "Auf dieser Seite"),
    "Dasselbe als OpenAPI-3.1-Datei",
}


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


@pytest.mark.parametrize("part", ["", *(f"/{part}" for part in PARTS)])
def test_english_is_marked_as_such_where_the_page_is_in_another_language(
    chromium: Browser, server: LiveServer, transactional_db: None, part: str
) -> None:
    with chromium.new_context(base_url=server.url, locale="de-DE") as context:
        page = context.new_page()
        page.goto(f"/api/docs{part}")
        assert page.locator("html").get_attribute("lang") == "de"
        assert set(page.evaluate(IN_THE_PAGES_LANGUAGE)) <= GERMAN
