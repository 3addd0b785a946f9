"""The viewer of the API's description: what it asks for, and calls made from it."""

from collections.abc import Iterator
from typing import Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, Page, ViewportSize, expect

from channels_api.models import CommunicationChannel
from tests.browser.conftest import DESKTOP
from tests.browser.pages import (
    OF_COLOURS,
    PHONE,
    SCHEMES,
    check_accessible,
    check_fits,
    sign_in,
    take_picture,
)
from tests.factories import make_channel, make_user

# Scalar's own: the cards of one operation's responses, and of its samples, have the same name.
OF_THE_VIEWER = ("landmark-unique",)
OF_THE_DIALOGS = (  # the roles and names of its fields, and its window of a call, which has a main of its own
    *OF_THE_VIEWER,
    *("aria-allowed-role", "aria-input-field-name", "aria-required-attr", "aria-valid-attr-value"),
    *("landmark-no-duplicate-main", "presentation-role-conflict"),
)
CHANNELS = "/api/v1/users/{user_id}/communication_channels"


@pytest.fixture
def page(page: Page) -> Iterator[Page]:
    """A page that asks nobody else, and does nothing that its policy forbids."""
    asked: list[str] = []
    told: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: told.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: told.append(str(error)))
    yield page
    own = urlsplit(page.url).netloc
    assert [url for url in asked if not url.startswith("data:") and urlsplit(url).netloc != own] == []
    assert told == []


def send(page: Page, method: str) -> Locator:
    """Try the call of a method with its examples; where its answer is shown."""
    page.goto(f"/api/reference#tag/channels/{method}{CHANNELS}")
    page.get_by_role("button", name=f"Test Request ({method.lower()} {CHANNELS})", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Send").first.click()
    return dialog


def test_calls_are_made_with_ones_session(page: Page) -> None:
    user = make_user("Sheldon Cooper")
    make_channel(user, "sheldon@caltech.example.com")
    sign_in(page, user)
    expect(send(page, "GET")).to_contain_text("200 OK")
    expect(page.get_by_role("dialog")).to_contain_text("sheldon@caltech.example.com")
    take_picture(page, "api-reference-call", full_page=False)
    page.keyboard.press("Escape")
    expect(send(page, "POST")).to_contain_text("200 OK")  # which takes the CSRF token
    assert CommunicationChannel.objects.filter(user=user, address="new@example.com").exists()


def test_a_stranger_is_told_to_sign_in(page: Page) -> None:
    page.goto("/api/reference")
    bar = page.get_by_role("region", name="API reference", exact=True)
    expect(bar).to_contain_text("Sign in, or enter a token")
    bar.get_by_role("link", name="Sign in").click()
    expect(page).to_have_url("/login?next=/api/reference")


def test_it_can_be_searched_and_has_samples(page: Page) -> None:
    page.goto(f"/api/reference#tag/channels/GET{CHANNELS}")
    sample = page.get_by_text("Authorization: Bearer").nth(1)
    expect(sample).to_be_visible()
    page.get_by_role("button", name="Search").first.click()
    page.get_by_role("dialog").get_by_role("combobox").fill("quiet hours")
    page.get_by_role("option", name="Set or end a user's quiet hours").click()
    expect(page.get_by_role("heading", name="Set or end a user's quiet hours")).to_be_in_viewport()
    page.get_by_role("tab", name="Python").click()
    expect(page.get_by_text("requests.put").first).to_be_visible()


@pytest.mark.parametrize("size", [DESKTOP, {"width": 390, "height": 800}], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_it_is_accessible(page: Page, scheme: Literal["light", "dark"], size: ViewportSize) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size(size)
    page.goto(f"/api/reference#tag/channels/GET{CHANNELS}")
    expect(page.get_by_text("Authorization: Bearer").nth(1)).to_be_visible()
    rules = OF_COLOURS if scheme == "dark" else ()
    check_accessible(page, rules=rules, except_for=OF_THE_VIEWER)
    take_picture(page, f"api-reference-{scheme}-{size['width']}", full_page=False)
    page.set_viewport_size(PHONE)
    check_fits(page)


def test_its_dialogs_have_only_the_faults_that_are_known(page: Page) -> None:
    sign_in(page, make_user())
    expect(send(page, "GET")).to_contain_text("200 OK")
    check_accessible(page, except_for=(*OF_THE_DIALOGS, "color-contrast"))  # of its menu of languages
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Search").first.click()
    page.get_by_role("dialog").get_by_role("combobox").fill("quiet hours")
    expect(page.get_by_role("option", name="Set or end a user's quiet hours")).to_be_visible()
    check_accessible(page, except_for=OF_THE_DIALOGS)


def test_without_scripts_it_leads_to_the_pages(without_scripts: Page) -> None:
    without_scripts.goto("/api/reference")
    without_scripts.get_by_role("link", name="The same without scripts").click()
    expect(without_scripts).to_have_url("/api/docs")
