"""Every page in every language on a phone, and in that language alone.

``PICTURES=1 scripts/test --only-pytest tests/browser/test_every_page.py`` takes pictures of each in every
language, size and scheme, to be looked at: ``tests/browser/screenshots/every-page``.
"""

import os
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.utils import timezone
from playwright.sync_api import Page

from canvas_channels.core.identity.models import Account, User
from channels_api import audit
from channels_api.audit import Action
from channels_api.messages import confirmations
from channels_api.models import CommunicationChannel, Confirmation
from notifications.messages import unsubscribing
from notifications.models import NotificationCategory, QuietHours
from tests.browser.conftest import DESKTOP
from tests.browser.pages import PHONE, SCHEMES, SCREENSHOTS, check_addresses, check_fits, sign_in
from tests.factories import (
    FCM_ARN,
    load_catalogue,
    make_channel,
    make_device,
    make_dispatch,
    make_key,
    make_message,
    make_site_admin,
    make_user,
)

pytestmark = pytest.mark.django_db(transaction=True)

FOLDER = SCREENSHOTS / "every-page"
LANGUAGES = ("en", "de", "es")
SIZES = {"phone": PHONE, "desktop": DESKTOP}
SHELDON, MOONPIE = "sheldon.lee.cooper@caltech.example.com", "moonpie@example.com"
# Texts in the page's own language, but for what people wrote and what has no words.
TEXTS = """
() => {
  const found = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const { parentElement, data } = texts.currentNode;
    if (parentElement.closest("[lang]") !== document.documentElement) continue;
    if (parentElement.closest(".address, option, script, template")) continue;
    if (/\\p{L}{2}/u.test(data)) found.push(data.trim());
  }
  return found;
}
"""
DATA = {"Sheldon Cooper", "Sheldon", "Amy Admin", "Amy", "Caltech", "API", "Student for Android"}
DATA |= {"Physics 101", "Room 12", "To room 12.", "· Caltech", "ID", "America/Denver"}


@pytest.fixture
def sheldon() -> User:
    load_catalogue()
    user = make_user("Sheldon Cooper", login=SHELDON, sis_user_id="S-1")
    Account.objects.update(name="Caltech", admins_can_view_notifications=True)
    bounce = "552 5.2.2 Mailbox full"
    first = make_channel(user, SHELDON)
    make_channel(user, MOONPIE, bounce_count=2, last_bounce_at=timezone.now(), last_bounce_summary=bounce)
    make_channel(user, "+12025550100", "sms", "unconfirmed")
    push = make_channel(user, "For All Devices", "push")
    make_device(user, make_key(name="Student for Android", sns_arn=FCM_ARN))
    QuietHours.objects.create(user=user, starts="22:00", ends="07:00", days=[1, 7])
    devices = {"1": {"state": "accepted", "reason": None}, "2": {"state": "refused", "reason": "It is off."}}
    for channel, became in (
        (first, {"workflow_state": "sent"}),
        (first, {"workflow_state": "bounced", "failure": "There is no such mailbox."}),
        (first, {"workflow_state": "staged", "waits_for": "digest"}),
        (push, {"devices": devices}),
    ):
        lecture = make_dispatch(user.home_account, course_id=42, course_name="Physics 101", subject="Room 12")
        make_message(user, channel, dispatch=lecture, **became)
    for days in (1, 2, 4, 9, 21):
        when = timezone.now() - timedelta(days=days)
        other = make_user("Sheldon Cooper", login=f"sheldon-{days}@example.com")
        make_channel(other, last_bounce_at=when, last_bounce_summary=bounce)
    CommunicationChannel.objects.filter(last_bounce_at__isnull=False).update(bounce_count=1)
    for action in Action:
        audit.record(None, action, user_id=user.pk, channel_id=first.pk)
    return user


def paths_of_strangers(sheldon: User) -> dict[str, str]:
    waiting = make_channel(sheldon, "new@example.com", workflow_state="unconfirmed")
    assert confirmations.resend(waiting)
    issued = confirmations.issue_code(Confirmation.objects.get())
    topics = [category.pk for category in NotificationCategory.objects.all()[:3]]
    return {
        "home": "/",
        "login": "/login",
        "password-forgotten": "/password-reset",
        "help": "/help",
        "not-found": "/nowhere",
        "register": f"/register/{issued.code}",
        "register-refused": "/register/nothing",
        "not-me": f"/not-me/{issued.refusal}",
        "not-me-refused": "/not-me/nothing",
        "unsubscribe": urlsplit(unsubscribing.link(waiting, topics)).path,
    }


def paths_of_owner(sheldon: User) -> dict[str, str]:
    return {
        "channels": "/profile/communication",
        "preferences": "/profile/notifications",
        "messages": "/profile/messages",
        "settings": "/profile/settings",
        "course": "/profile/settings/courses/42",
        "password": "/password",
        "forbidden": "/users",
    }


def paths_of_admin(sheldon: User) -> dict[str, str]:
    person, reports = f"/users/{sheldon.pk}", f"/accounts/{sheldon.home_account_id}"
    return {
        "people": "/users?search=cooper",
        "person": person,
        "person-channels": f"{person}/communication",
        "person-preferences": f"{person}/notifications",
        "person-messages": f"{person}/messages",
        "person-history": f"{person}/audit",
        "bouncing": f"{reports}/bouncing",
        "unconfirmed": f"{reports}/unconfirmed",
    }


def speak(page: Page, language: str) -> None:
    """What a browser asks for by itself is kept for its whole context."""
    page.context.add_cookies(
        [{"name": settings.LANGUAGE_COOKIE_NAME, "value": language, "domain": "127.0.0.1", "path": "/"}]
    )


def take_pictures(page: Page, name: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for size, viewport in SIZES.items():
        page.set_viewport_size(viewport)
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            path = FOLDER / f"{name}-{size}-{scheme}.png"
            page.screenshot(path=path, full_page=True, caret="initial")


def check_pages(page: Page, paths: dict[str, str]) -> None:
    """Each page fits a phone in each language, and is in that alone."""
    untranslated: dict[str, list[str]] = {}
    for name, path in paths.items():
        english: set[str] = set()
        for language in LANGUAGES:
            page.set_viewport_size(PHONE)
            speak(page, language)
            page.goto(path)
            assert page.locator("html").get_attribute("lang") == language
            check_fits(page)
            check_addresses(page)
            texts = {text for text in page.evaluate(TEXTS) if not text.startswith("Version ")} - DATA
            if language == "en":
                english = texts
            elif texts & english:
                untranslated[f"{name}-{language}"] = sorted(texts & english)
            if os.environ.get("PICTURES"):
                take_pictures(page, f"{name}-{language}")
    assert untranslated == {}


def test_pages_of_strangers(page: Page, sheldon: User) -> None:
    check_pages(page, paths_of_strangers(sheldon))


def test_pages_of_ones_own(page: Page, sheldon: User) -> None:
    sign_in(page, sheldon)
    check_pages(page, paths_of_owner(sheldon))


def test_pages_of_admins(page: Page, sheldon: User) -> None:
    sign_in(page, make_site_admin(name="Amy Admin", account=sheldon.home_account))
    check_pages(page, paths_of_admin(sheldon))
