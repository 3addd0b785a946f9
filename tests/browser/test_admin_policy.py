"""Django's admin under its content security policy: in a browser nothing is blocked, and scripts work."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import ConsoleMessage, Page, expect

from canvas_channels.core.identity.models import User
from tests.factories import make_channel, make_key, make_user

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "correct horse battery"


@pytest.fixture
def boss() -> User:
    return make_user("Boss", login="boss", password=PASSWORD, is_staff=True, is_superuser=True)


@pytest.fixture
def watched(page: Page) -> Iterator[Page]:
    """A page whose errors, a blocked file or script among them, fail the test."""
    errors: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.location["url"].endswith("/favicon.ico"):
            return  # which browsers ask for where a page names no icon
        if message.type == "error" or "Content Security Policy" in message.text:
            errors.append(f"{page.url}: {message.text}")

    page.on("console", note)
    page.on("pageerror", lambda error: errors.append(f"{page.url}: {error}"))
    page.context.add_init_script(
        "addEventListener('securitypolicyviolation', event =>"
        " console.error('blocked', event.violatedDirective, event.blockedURI, event.sample))"
    )
    yield page
    assert errors == []


def sign_in(page: Page) -> None:
    page.goto("/admin/")
    page.get_by_label("Login").fill("boss")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Site administration")).to_be_visible()


def test_the_admins_pages_break_no_rule(watched: Page, boss: User) -> None:
    sign_in(watched)
    channel, key = make_channel(boss, "boss@example.edu"), make_key()
    for path in [
        *("identity/user/", f"identity/user/{boss.pk}/change/", "identity/user/add/"),
        *(f"identity/user/{boss.pk}/history/", f"identity/user/{boss.pk}/password/"),
        *("identity/developerkey/", f"identity/developerkey/{key.pk}/change/", "identity/account/"),
        *("channels_api/communicationchannel/", f"channels_api/communicationchannel/{channel.pk}/change/"),
        *("oauth2_provider/grant/", "auth/group/", "auth/group/add/", "channels_api/auditentry/"),
    ]:
        answer = watched.goto(f"/admin/{path}")
        assert answer is not None
        assert (answer.status, "unsafe" in answer.headers["content-security-policy"]) == (200, False)
        watched.wait_for_load_state("load")


def test_the_admins_scripts_work(watched: Page, boss: User) -> None:
    sign_in(watched)
    watched.goto(f"/admin/identity/user/{boss.pk}/change/")
    option = watched.locator("#id_user_permissions_from option").first
    title = option.inner_text()
    option.dblclick()
    expect(watched.locator("#id_user_permissions_to option", has_text=title).first).to_be_attached()
    watched.get_by_role("button", name="Choose all user permissions").click()
    expect(watched.locator("#id_user_permissions_from option")).to_have_count(0)
    watched.goto("/admin/identity/user/")
    watched.locator("#action-toggle").check()
    expect(watched.locator(".action-counter").first).to_contain_text("1 of 1 selected")
