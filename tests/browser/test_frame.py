"""What pages have in common: the bar and its places, what stays in view, times, the icon, and help."""

import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from playwright.sync_api import Locator, Page, ViewportSize, expect

from canvas_channels.core.identity.models import Account, User
from tests.browser.conftest import DESKTOP
from tests.browser.pages import PHONE, check_fits, check_page, sign_in, take_picture
from tests.factories import load_catalogue, make_admin, make_channel, make_message, make_user

pytestmark = pytest.mark.django_db(transaction=True)

ZONE = ZoneInfo("Europe/Berlin")
PLACES = {
    "Ways to contact": "/profile/communication",
    "Notifications": "/profile/notifications",
    "Messages": "/profile/messages",
    "Settings": "/profile/settings",
    "People": "/users",
}
# What is drawn in the middle of an element is the element itself.
IN_FRONT = """
part => {
    const { x, y, width, height } = part.getBoundingClientRect();
    return part.contains(document.elementFromPoint(x + width / 2, y + height / 2));
}
"""


def box(part: Locator) -> tuple[int, int]:
    """Where it begins and ends in the window, from above, in whole pixels."""
    found = part.bounding_box()
    assert found
    return round(found["y"]), round(found["y"] + found["height"])


def test_help(page: Page) -> None:
    page.goto("/")
    page.get_by_role("contentinfo").get_by_role("link", name="Help").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Help")
    check_page(page, "help")


def test_the_icon_is_a_picture(page: Page) -> None:
    page.goto("/")
    icon = page.locator("link[rel=icon]").evaluate("link => link.href")
    answer = page.request.get(icon)
    assert (answer.status, answer.headers["content-type"]) == (200, "image/svg+xml")
    page.goto(icon)
    assert page.locator("svg").evaluate("svg => svg.getBoundingClientRect().width") > 0


def test_the_bar_marks_the_place(page: Page) -> None:
    load_catalogue()
    sign_in(page, make_admin())
    page.goto("/")
    bar = page.get_by_role("banner").get_by_role("navigation", name="Pages")
    for name, path in PLACES.items():
        bar.get_by_role("link", name=name).click()
        page.wait_for_url(f"**{path}")
        expect(bar.locator("[aria-current=page]")).to_have_text(name)
    page.goto(f"/users/{make_user().pk}/notifications")
    expect(bar.locator("[aria-current]")).to_have_text("People")
    expect(bar.locator("[aria-current=page]")).to_have_count(0)


def test_times_say_how_long_ago_where_scripts_run(page: Page, without_scripts: Page) -> None:
    load_catalogue()
    user = make_user(time_zone=ZONE.key)
    message = make_message(user, make_channel(user))
    created_at = timezone.now() - timedelta(minutes=5, seconds=10)
    type(message).objects.update(created_at=created_at)
    for each in (page, without_scripts):
        sign_in(each, user)
        each.goto(PLACES["Messages"])
    expect(page.locator("time")).to_have_text("5 minutes ago")
    year = str(created_at.astimezone(ZONE).year)
    expect(page.locator("time")).to_have_attribute("title", re.compile(year))
    expect(without_scripts.locator("time")).to_contain_text(year)


def heads_top(page: Page) -> int:
    """Where the head of the choices is, in front of them, once one has scrolled to the last of them."""
    page.goto(PLACES["Notifications"])
    rows = page.get_by_role("rowheader")
    rows.last.scroll_into_view_if_needed()
    expect(rows.first).not_to_be_in_viewport()
    head = page.locator(".preferences thead th").first
    assert head.evaluate(IN_FRONT)
    return box(head)[0]


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_head_of_the_choices_stays_in_view(page: Page, size: ViewportSize) -> None:
    load_catalogue()
    user = make_user()
    make_channel(user)
    sign_in(page, user)
    page.set_viewport_size(size)
    assert heads_top(page) == 0
    for _ in range(4):  # so many that they scroll in a part of the page, but on a phone
        make_channel(user)
    assert heads_top(page) == (0 if size == PHONE else box(page.get_by_role("region", name="Choices"))[0])


@pytest.mark.parametrize(("size", "channels"), [(DESKTOP, 2), (PHONE, 2), (PHONE, 5)])
def test_who_acts_sees_it_wherever_they_scroll_and_nothing_behind_it(
    page: Page, size: ViewportSize, channels: int
) -> None:
    load_catalogue()
    user = make_user("Bernadette Maryann Rostenkowski")
    for _ in range(channels):
        make_channel(user)
    sign_in(page, make_admin())
    page.goto(f"/users/{user.pk}")
    page.get_by_role("button", name="Act as Bernadette").click()
    page.wait_for_url("**/communication")
    page.set_viewport_size(size)
    for language in ("en", "de", "es"):
        User.objects.update(locale=language)
        below = heads_top(page)
        take_picture(page, f"acting-scrolled-{language}-{size['width']}", full_page=False)
        assert box(page.locator(".acting")) == (0, below)
        check_fits(page)


def test_times_of_months_ago_keep_their_date(page: Page) -> None:
    load_catalogue()
    user = make_user(time_zone=ZONE.key)
    message = make_message(user, make_channel(user))
    old = timezone.now().astimezone(ZONE) - timedelta(days=60)
    type(message).objects.update(created_at=old, sent_at=old)
    sign_in(page, user)
    page.goto(PLACES["Messages"])
    said = page.locator("time")
    expect(said).to_have_attribute("title", re.compile(str(old.year)))  # the script has been there
    expect(said).to_contain_text(f"{old:%B}"[:3])
    expect(said).to_contain_text(str(old.year))


@pytest.mark.parametrize("width", [320, 360, 390])
def test_the_bar_is_one_line_on_a_phone(page: Page, width: int) -> None:
    load_catalogue()
    admin = make_admin(name="Bernadette Maryann Rostenkowski-Wolowitz")
    Account.objects.update(name="California Institute of Technology, Pasadena")
    sign_in(page, admin)
    page.set_viewport_size({"width": width, "height": 700})
    for language in ("en", "de", "es"):
        User.objects.update(locale=language)
        page.goto(PLACES["People"])
        bar = page.get_by_role("banner")
        top, end = box(bar)
        assert end - top < 70
        for part in (bar.locator(".brand"), bar.locator("summary")):
            start, stop = box(part)
            assert top <= start < stop <= end
        name = bar.locator(".brand span")
        assert name.evaluate("name => name.getClientRects().length") == 1
        check_fits(page)
