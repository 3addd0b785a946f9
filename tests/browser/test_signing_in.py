"""Signing in, out, and back in with a new password, as a person does it in a browser."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest
from django.db import connections
from playwright.sync_api import Page, expect
from pytest_django import Settings

from canvas_channels.core.identity.models import User
from canvas_channels.demo.standins import start_smtp
from tests.browser.pages import check_page, sign_in
from tests.factories import make_channel, make_user
from tests.live import LiveServer
from tests.notifications.services import run_worker

pytestmark = pytest.mark.django_db(transaction=True)

LOGIN = "penny@example.com"
PASSWORD = "a good one, penny"


@pytest.fixture
def penny(page: Page) -> User:
    user = make_user("Penny", login=LOGIN, password=PASSWORD)
    make_channel(user, LOGIN)
    return user


def use_form(page: Page, login: str = LOGIN, password: str = PASSWORD) -> None:
    page.get_by_label("Login").fill(login)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_signing_in_and_out(page: Page, penny: User) -> None:
    page.goto("/")
    check_page(page, "home")
    page.get_by_role("link", name="Sign in").click()
    check_page(page, "login")
    use_form(page, password="wrong")
    expect(page.get_by_role("alert")).to_have_text("The login or the password is not right.")
    check_page(page, "login-wrong")
    use_form(page)
    expect(page.get_by_role("heading", name="Ways to contact you")).to_be_visible()
    page.locator(".menu > summary").click()
    check_page(page, "menu")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()


def test_signing_in_without_scripts(without_scripts: Page, penny: User) -> None:
    without_scripts.goto("/login")
    use_form(without_scripts)
    expect(without_scripts.get_by_role("heading", name="Ways to contact you")).to_be_visible()


def test_signing_in_by_keyboard(page: Page, penny: User) -> None:
    page.goto("/login")
    expect(page.get_by_label("Login")).to_be_focused()
    page.keyboard.type(LOGIN)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Ways to contact you")).to_be_visible()


def test_the_first_tab_skips_to_the_content(page: Page, penny: User) -> None:
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()


def test_being_locked_out(page: Page, penny: User) -> None:
    page.goto("/login")
    for _ in range(5):
        use_form(page, password="wrong")
    expect(page.get_by_role("heading", name="Too many attempts")).to_be_visible()
    check_page(page, "locked-out")


def test_changing_the_password(page: Page, penny: User) -> None:
    sign_in(page, penny)
    page.goto("/")
    page.locator(".menu > summary").click()
    page.get_by_role("link", name="Password").click()
    check_page(page, "password-change")
    page.get_by_label("Old password").fill("wrong")
    page.get_by_label("New password", exact=True).fill("short")
    page.get_by_label("New password confirmation").fill("shorter")
    page.get_by_role("button", name="Change the password").click()
    check_page(page, "password-change-wrong")
    page.get_by_label("Old password").fill(PASSWORD)
    page.get_by_label("New password", exact=True).fill("an even better one")
    page.get_by_label("New password confirmation").fill("an even better one")
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_role("heading", name="The password is changed")).to_be_visible()
    check_page(page, "password-changed")


Result = TypeVar("Result")


def aside(function: Callable[[], Result]) -> Result:
    """Call what needs an event loop of its own in a thread: this one has Playwright's."""
    with ThreadPoolExecutor(1) as thread:
        result = thread.submit(function).result()
        thread.submit(connections.close_all).result()
    return result


@pytest.fixture
def mailbox(settings: Settings) -> Iterator[list[dict[str, str]]]:
    received: list[dict[str, str]] = []
    server = aside(lambda: start_smtp(0, received.append))
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    yield received
    server.stop()


def test_a_new_password_by_email(
    page: Page, penny: User, server: LiveServer, settings: Settings, mailbox: list[dict[str, str]]
) -> None:
    settings.PUBLIC_URL = server.url
    page.goto("/login")
    page.get_by_role("link", name="Forgot your password").click()
    check_page(page, "password-forgotten")
    page.get_by_label("Login").fill(LOGIN)
    page.get_by_role("button", name="Send the link").click()
    expect(page.get_by_role("heading", name="Look into your mailbox")).to_be_visible()
    check_page(page, "password-sent")
    aside(run_worker)
    link = re.search(rf"{server.url}/\S+", mailbox[0]["body"])
    assert link
    page.goto(link[0])
    check_page(page, "password-new")
    page.get_by_label("New password", exact=True).fill("an even better one")
    page.get_by_label("New password confirmation").fill("an even better one")
    page.get_by_role("button", name="Set the password").click()
    check_page(page, "password-set")
    page.get_by_role("main").get_by_role("link", name="Sign in").click()
    use_form(page, password="an even better one")
    expect(page.get_by_role("heading", name="Ways to contact you")).to_be_visible()
    page.goto(link[0])
    expect(page.get_by_role("heading", name="This link does not work any more")).to_be_visible()
    check_page(page, "password-link-void")
