"""An account's logo at the head of its pages."""

from base64 import b64decode

import pytest
from playwright.sync_api import Page, expect

from canvas_channels.core.identity.admin import logos
from tests.browser.pages import check_page, sign_in
from tests.factories import default_account, make_account, make_user

pytestmark = pytest.mark.django_db(transaction=True)

# 8 pixels wide, 4 high, of one colour.
PNG = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAECAIAAAA8r+mnAAAAEUlEQVR42mOQCtuBFTFQTwIAJw0lAXwyDMgAAAAASUVORK5CYII="
)


def test_it_is_the_home_accounts(page: Page) -> None:
    default_account()
    other = make_account("Cheesecake")
    logos.set_logo(other, PNG)
    page.goto("/login")
    expect(page.get_by_role("banner").locator("img")).to_have_count(0)
    sign_in(page, make_user("Penny", other))
    page.goto("/help")
    logo = page.get_by_role("banner").locator("img")
    assert logo.evaluate("image => [image.complete, image.naturalWidth, image.naturalHeight]") == [True, 8, 4]
    expect(page.get_by_role("link", name="Cheesecake")).to_be_visible()
    check_page(page, "logo")
