"""Debian's Chromium on the production server; see ``tests.browser.pages`` for what to do with a page."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect, sync_playwright
from pytest_django import Settings

from tests.live import LiveServer
from tests.programs import need

CHROMIUM = "/usr/bin/chromium"
QUIET = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
TIMEOUT_MS = 30_000  # for a page on a busy machine
DESKTOP: ViewportSize = {"width": 1280, "height": 800}


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Ends with the last test of this folder: Playwright keeps an event loop running in this thread, in
    which no other can run, and in which Django would refuse its database.
    """
    need(CHROMIUM)
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        expect.set_options(timeout=TIMEOUT_MS)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def context(
    chromium: Browser, server: LiveServer, transactional_db: None, settings: Settings
) -> Iterator[BrowserContext]:
    """A browser without cookies, whose paths are the server's. Rows made by the test are there at once."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]  # as the server's
    context = chromium.new_context(base_url=server.url, viewport=DESKTOP, locale="en-US")
    context.set_default_timeout(TIMEOUT_MS)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture
def without_scripts(chromium: Browser, server: LiveServer, context: BrowserContext) -> Iterator[Page]:
    """A page in a browser that runs no JavaScript; the fixture ``context`` prepares the database."""
    bare = chromium.new_context(base_url=server.url, java_script_enabled=False, locale="en-US")
    bare.set_default_timeout(TIMEOUT_MS)
    yield bare.new_page()
    bare.close()
