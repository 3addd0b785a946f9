"""What a browser is shown where the real server refuses or fails."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection
from playwright.sync_api import Browser, Page, expect

from notifications.models import QuietHours
from tests.browser.conftest import TIMEOUT_MS
from tests.browser.pages import check_page, sign_in
from tests.factories import make_user
from tests.live import LiveServer, free_port, serve

pytestmark = pytest.mark.django_db(transaction=True)

SETTINGS = "/profile/settings"
HOURS = QuietHours._meta.db_table


def open_refused(page: Page, path: str, status: int) -> None:
    answer = page.goto(path)
    assert answer is not None
    assert answer.status == status


@contextmanager
def elsewhere(chromium: Browser, log: Path, **settings: str) -> Iterator[Page]:
    """A page of a server with settings of its own."""
    with (
        serve(log, **settings) as server,
        chromium.new_context(base_url=server.url, locale="en-US") as context,
    ):
        context.set_default_timeout(TIMEOUT_MS)
        yield context.new_page()


@contextmanager
def renamed(table: str) -> Iterator[None]:
    """The server does not find it meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO away")
        try:
            yield
        finally:
            cursor.execute(f"ALTER TABLE away RENAME TO {table}")


def test_a_host_that_is_not_served(page: Page, server: LiveServer) -> None:
    open_refused(page, f"http://localhost:{server.port}/login", 400)
    expect(page.get_by_role("heading", level=1)).to_have_text("This address is not served")
    check_page(page, "error-host")
    page.get_by_role("link", name=server.url).click()
    expect(page).to_have_url(f"{server.url}/")


def test_a_form_of_more_fields_than_are_read(page: Page) -> None:
    page.goto("/login")
    page.locator("main form").evaluate(
        "form => { for (let i = 0; i < 1001; i++) form.append(Object.assign("
        "document.createElement('input'), { type: 'hidden', name: 'more' })); form.noValidate = true; }"
    )
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("This request cannot be read")
    check_page(page, "error-request")


def test_too_many_requests(chromium: Browser, transactional_db: None, tmp_path: Path) -> None:
    with elsewhere(chromium, tmp_path / "log", OPEN_REQUESTS_PER_MINUTE="1") as page:
        page.goto("/register/nothing")
        open_refused(page, "/register/nothing", 429)
        expect(page.get_by_role("heading", level=1)).to_have_text("Too many requests")
        expect(page.get_by_role("main")).to_contain_text("Try again in")
        check_page(page, "error-throttled")


def test_the_database_is_away(chromium: Browser, transactional_db: None, tmp_path: Path) -> None:
    nowhere = f"postgresql://nobody@127.0.0.1:{free_port()}/nowhere"
    with elsewhere(chromium, tmp_path / "log", DATABASE_URL=nowhere) as page:
        open_refused(page, "/register/nothing", 503)
        expect(page.get_by_role("heading", level=1)).to_have_text("We cannot answer at the moment")
        expect(page.get_by_role("main")).to_contain_text("Try again in")
        check_page(page, "error-unavailable")


def test_a_fault_of_ours(page: Page) -> None:
    sign_in(page, make_user())
    with renamed(HOURS):
        open_refused(page, SETTINGS, 500)
    expect(page.get_by_role("heading", level=1)).to_have_text("Something went wrong here")
    expect(page.get_by_role("main").locator("code")).to_have_text(re.compile(r"\S"))
    check_page(page, "error-server")
