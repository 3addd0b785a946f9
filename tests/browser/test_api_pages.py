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


def test_methods_have_badges_each_in_its_look(page: Page) -> None:
    page.goto("/api/docs/channels")
    looks = set()
    for method in ("GET", "POST", "PUT", "DELETE"):
        badge = page.get_by_role("main").locator("section .method", has_text=method).first
        expect(badge).to_have_text(method)
        looks.add(badge.evaluate("badge => getComputedStyle(badge).backgroundColor"))
    assert len(looks) == 3  # what changes something is filled, what deletes is red


def test_the_contents_lead_to_each_call_and_the_headers_are_told_once(page: Page) -> None:
    page.goto("/api/docs/channels")
    links = page.get_by_role("navigation", name="On this page").get_by_role("link")
    targets = [link.get_attribute("href") or "" for link in links.all()]
    calls = page.get_by_role("main").locator("section").count()
    assert len(targets) == calls > 4
    for target in targets:
        assert page.locator(target).count() == 1
    shared = page.get_by_role("main").locator("a[href*='#header-']").first
    told = page.locator("dt").filter(has_text=shared.inner_text())
    expect(told).to_have_count(0)
    shared.click()
    expect(told).to_have_count(1)
    expect(told).to_be_in_viewport()


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
