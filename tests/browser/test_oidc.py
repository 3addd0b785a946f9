"""A person signs in at the institution's provider, in a browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import TIMEOUT_MS
from tests.browser.pages import check_page
from tests.factories import default_account, make_user
from tests.live import LiveServer, serve
from tests.provider import LOGIN, provider

__all__ = ["provider"]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="package")
def institution(
    django_db_setup: None, provider: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    """The service with a provider."""
    settings = {
        "OIDC_ISSUER": provider,
        "OIDC_CLIENT_ID": "us",
        "OIDC_CLIENT_SECRET": "secret",
        "OIDC_NAME": "Cheesecake",
        "OIDC_LOGIN_CLAIM": "preferred_username",
        "NO_PROXY": "*",
    }
    with serve(tmp_path_factory.mktemp("institution") / "log", **settings) as address:
        yield address


@pytest.fixture
def page(chromium: Browser, institution: LiveServer, transactional_db: None) -> Iterator[Page]:
    context = chromium.new_context(base_url=institution.url, locale="en-US")
    context.set_default_timeout(TIMEOUT_MS)
    yield context.new_page()
    context.close()


def sign_in(page: Page) -> None:
    page.goto("/login?next=/password")
    check_page(page, "login-institution")
    page.get_by_role("link", name="Sign in with Cheesecake").click()
    page.get_by_role("button", name="p-1").click()


def test_signing_in_at_the_institution(page: Page) -> None:
    make_user("Penny", login=LOGIN)
    sign_in(page)
    expect(page.get_by_role("heading", name="Change your password")).to_be_visible()


def test_somebody_unknown_is_told(page: Page) -> None:
    default_account()
    sign_in(page)
    expect(page.get_by_text("you have no account here")).to_be_visible()
    check_page(page, "institution-unknown")
