"""Long addresses on the smallest phone: they break after their @ and dots alone, and no page is too wide."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from canvas_channels.core.identity.models import User
from channels_api.messages import confirmations
from channels_api.models import CommunicationChannel, Confirmation
from notifications.messages import unsubscribing
from notifications.models import NotificationCategory
from tests.browser.pages import PHONE, check_addresses, check_fits, sign_in, take_picture
from tests.factories import (
    default_account,
    issue_code,
    load_catalogue,
    make_channel,
    make_dispatch,
    make_message,
    make_site_admin,
    make_user,
)

pytestmark = pytest.mark.django_db(transaction=True)

LONG = "sheldon-lee.cooper.theoretical-physics@caltech-pasadena.students.example.com"
OTHER = "bernadette.maryann.rostenkowski-wolowitz@pharmaceuticals.zangen.example.com"
CHANNELS = "/profile/communication"
LANGUAGES = ("en", "de", "es")
BREAK_ANYWHERE = """
() => {
  for (const part of document.querySelectorAll(".address, .address *")) {
    part.style.whiteSpace = "normal";
    part.style.wordBreak = "break-all";
  }
}
"""


@pytest.fixture
def sheldon() -> User:
    load_catalogue()
    return make_user(LONG, login=LONG)


@pytest.fixture
def channel(sheldon: User) -> CommunicationChannel:
    channel = make_channel(sheldon, LONG, last_bounce_summary=f"550 5.1.1 <{LONG}>: no such user")
    make_message(sheldon, channel, workflow_state="bounced", failure=f"There is no {LONG}.")
    said = make_dispatch(sheldon.home_account, subject=f"Write to {LONG}", body=f"It is {LONG}.")
    make_message(sheldon, channel, dispatch=said)
    return channel


@pytest.fixture
def page(page: Page) -> Iterator[Page]:
    page.set_viewport_size(PHONE)
    yield page
    check(page)


def check(page: Page) -> None:
    expect(page.locator(".address").first).to_be_attached()
    take_picture(page, "long-addresses")
    check_fits(page)
    check_addresses(page)


def test_an_address_in_the_middle_of_a_word_would_be_found(page: Page, channel: CommunicationChannel) -> None:
    sign_in(page, channel.user)
    page.goto(CHANNELS)
    page.evaluate(BREAK_ANYWHERE)
    with pytest.raises(AssertionError):
        check_addresses(page)
    page.reload()
    page.locator("h1").evaluate("(h1, text) => { h1.textContent = text; }", LONG)
    with pytest.raises(AssertionError):
        check_addresses(page)
    page.reload()


def test_what_is_said_of_ways_to_contact(page: Page, channel: CommunicationChannel) -> None:
    sign_in(page, channel.user)
    page.goto(CHANNELS)
    status = page.get_by_role("status")
    page.get_by_label("Email address", exact=True).fill(OTHER)
    page.keyboard.press("Enter")
    expect(status).to_contain_text(f"{OTHER} is added.")
    check(page)
    page.get_by_role("button", name=f"Move {OTHER} up").click()
    expect(status).to_contain_text(f"You moved {OTHER} to position 1.")
    check(page)
    page.get_by_label(f"Change {LONG}").click()
    page.get_by_label("New email address").last.fill(f"new-{OTHER}")
    page.keyboard.press("Enter")
    expect(status).to_contain_text(f"new-{OTHER} takes its place")
    check(page)
    page.get_by_label(f"Remove {LONG}").click()
    check(page)
    page.get_by_role("button", name="Remove it").last.click()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()


@pytest.mark.parametrize("language", LANGUAGES)
def test_their_owners_pages(page: Page, channel: CommunicationChannel, language: str) -> None:
    User.objects.update(locale=language)
    CommunicationChannel.objects.update(pending_address=f"new-{OTHER}")
    make_channel(channel.user, OTHER, workflow_state="unconfirmed")
    sign_in(page, channel.user)
    for path in (CHANNELS, "/profile/notifications", "/profile/messages"):
        page.goto(path)
        check(page)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pages_of_admins(page: Page, channel: CommunicationChannel, language: str) -> None:
    sheldon = channel.user
    CommunicationChannel.objects.update(bounce_count=1, last_bounce_at=timezone.now())
    make_channel(sheldon, OTHER, workflow_state="unconfirmed")
    account = default_account()
    sign_in(page, make_site_admin(account=account))
    User.objects.update(locale=language)
    person, reports = f"/users/{sheldon.pk}", f"/accounts/{account.pk}"
    for path in (
        *(f"{person}{part}" for part in ("", "/communication", "/notifications", "/audit")),
        *(f"{reports}/bouncing", f"{reports}/unconfirmed", f"/users?search={LONG}"),
    ):
        page.goto(path)
        check(page)


def test_the_pages_behind_links(page: Page, channel: CommunicationChannel) -> None:
    about = NotificationCategory.objects.get(slug="announcement")
    page.goto(urlsplit(unsubscribing.link(channel, [about.pk])).path)
    check(page)
    assert confirmations.resend(make_channel(channel.user, OTHER, workflow_state="unconfirmed"))
    issued = issue_code(Confirmation.objects.get())
    page.goto(f"/not-me/{issued.refusal}")
    check(page)
    page.goto(f"/register/{issued.code}")
    check(page)
    page.get_by_role("button", name="Confirm this address").click()
    expect(page.get_by_role("heading", name="Address confirmed")).to_be_visible()
