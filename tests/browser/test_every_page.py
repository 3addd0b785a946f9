"""Every page that a link or one button leads to, in every language on a phone, and in that language alone.

What only a refusal, a fault or a setting brings is checked where that happens, in English, by ``check_page``,
which takes pictures, too: ``test_error_pages``, ``test_signing_in``, ``test_oidc``, ``test_channels``. The
viewer at ``/api/reference`` has words of its own: ``test_api_reference``.

``PICTURES=1 scripts/test --only-pytest tests/browser/test_every_page.py`` takes pictures of each in every
language, size and scheme, to be looked at: ``tests/browser/screenshots/every-page``.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from urllib.parse import urlencode, urlsplit

import pytest
from django.conf import settings
from django.utils import timezone
from playwright.sync_api import Page

from canvas_channels.core.identity.models import Account, DeveloperKey, User
from channels_api import audit
from channels_api.audit import Action
from channels_api.messages import confirmations
from channels_api.messages.confirmations import Issued
from channels_api.models import CommunicationChannel, Confirmation
from notifications.messages import unsubscribing
from notifications.models import NotificationCategory, QuietHours
from tests.browser.conftest import DESKTOP
from tests.browser.pages import (
    PHONE,
    PICTURES,
    SCHEMES,
    check_addresses,
    check_fits,
    sign_in,
    take_picture,
)
from tests.factories import (
    FCM_ARN,
    issue_code,
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
    issued = issue_code(Confirmation.objects.get())
    first = CommunicationChannel.objects.get(address=SHELDON)
    topics = [category.pk for category in NotificationCategory.objects.all()[:3]]
    return {
        "home": "/",
        "login": "/login",
        "password-forgotten": "/password-reset",
        "help": "/help",
        "not-found": "/nowhere",
        "password-sent": "/password-reset/sent",
        "password-link-void": "/password-reset/nobody/nothing",
        "password-set": "/password-reset/done",
        "api-docs": "/api/docs",
        "api-channels": "/api/docs/channels",
        "api-errors": "/api/docs/errors",
        "api-objects": "/api/docs/objects",
        "register": f"/register/{issued.code}",
        "register-refused": "/register/nothing",
        "not-me": f"/not-me/{issued.refusal}",
        "not-me-refused": "/not-me/nothing",
        "unsubscribe": urlsplit(unsubscribing.link(first, topics)).path,
    }


def paths_of_owner(sheldon: User) -> dict[str, str]:
    key = DeveloperKey.objects.get()
    asked = {"client_id": key.client_id, "response_type": "code", "redirect_uri": key.redirect_uris}
    asked |= {"code_challenge": "a" * 43, "code_challenge_method": "S256"}
    return {
        "channels": "/profile/communication",
        "preferences": "/profile/notifications",
        "messages": "/profile/messages",
        "settings": "/profile/settings",
        "course": "/profile/settings/courses/42",
        "password": "/password",
        "password-changed": "/password/changed",
        "consent": f"/login/oauth2/auth?{urlencode(asked)}",
        "consent-error": "/login/oauth2/auth",
        "forbidden": "/users",
    }


def ways_of_links(sheldon: User) -> dict[str, Callable[[], str]]:
    """Paths that a message brought, each of a message of its own: its button is pressed once."""

    def channel(state: str) -> CommunicationChannel:
        return make_channel(make_user(account=sheldon.home_account), workflow_state=state)

    def issued() -> Issued:
        waiting = channel("unconfirmed")
        assert confirmations.resend(waiting)
        return issue_code(Confirmation.objects.get(channel=waiting))

    topics = [category.pk for category in NotificationCategory.objects.all()[:3]]
    return {
        "registered": lambda: f"/register/{issued().code}",
        "not-me-done": lambda: f"/not-me/{issued().refusal}",
        "unsubscribed": lambda: urlsplit(unsubscribing.link(channel("active"), topics)).path,
    }


def paths_of_whom_one_acts_as(sheldon: User) -> dict[str, str]:
    person = f"/users/{sheldon.pk}"
    return {
        "acting-channels": f"{person}/communication",
        "acting-preferences": f"{person}/notifications",
        "acting-messages": f"{person}/messages",
        "acting-settings": f"{person}/settings",
        "acting-course": f"{person}/settings/courses/42",
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
    for size, viewport in SIZES.items():
        page.set_viewport_size(viewport)
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            take_picture(page, f"every-page/{name}-{size}-{scheme}")


def check_pages(page: Page, paths: Mapping[str, str | Callable[[], str]], *, press: bool = False) -> None:
    """Each page fits a phone in each language, and is in that alone.

    ``press``: the one that the page's first button leads to.
    """
    untranslated: dict[str, list[str]] = {}
    for name, path in paths.items():
        english: set[str] = set()
        for language in LANGUAGES:
            page.set_viewport_size(PHONE)
            speak(page, language)
            answer = page.goto(path if isinstance(path, str) else path())
            assert answer
            assert (answer.status == 404) == (name == "not-found"), name
            if press:
                with page.expect_navigation():
                    page.get_by_role("main").get_by_role("button").first.click()
            assert page.locator("html").get_attribute("lang") == language
            check_fits(page)
            check_addresses(page)
            texts = {text for text in page.evaluate(TEXTS) if not text.startswith("Version ")} - DATA
            if language == "en":
                english = texts
            elif texts & english:
                untranslated[f"{name}-{language}"] = sorted(texts & english)
            if PICTURES:
                take_pictures(page, f"{name}-{language}")
    assert untranslated == {}


def test_pages_of_strangers(page: Page, sheldon: User) -> None:
    check_pages(page, paths_of_strangers(sheldon))


def test_pages_after_the_links_of_messages(page: Page, sheldon: User) -> None:
    check_pages(page, ways_of_links(sheldon), press=True)


def test_pages_while_acting(page: Page, sheldon: User) -> None:
    sign_in(page, make_site_admin(name="Amy Admin", account=sheldon.home_account))
    page.goto(f"/users/{sheldon.pk}")
    page.get_by_role("button", name="Act as Sheldon Cooper").click()
    check_pages(page, paths_of_whom_one_acts_as(sheldon))


def test_pages_of_ones_own(page: Page, sheldon: User) -> None:
    sign_in(page, sheldon)
    check_pages(page, paths_of_owner(sheldon))


def test_pages_of_admins(page: Page, sheldon: User) -> None:
    sign_in(page, make_site_admin(name="Amy Admin", account=sheldon.home_account))
    check_pages(page, paths_of_admin(sheldon))
