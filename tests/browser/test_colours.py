"""Each state has its colour, light and dark: amber waits, red bounces and removes, green is well."""

import colorsys
import re
from typing import Literal

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from tests.browser.pages import SCHEMES, colour_of, sign_in
from tests.factories import make_channel, make_user

pytestmark = pytest.mark.django_db(transaction=True)

WELL, WAITS, BAD = "well@example.com", "waits@example.com", "bad@example.com"
RED, AMBER, GREEN = (0, 10), (30, 45), (120, 160)  # degrees of the hue


def hue_of(page: Page, token: str) -> float:
    red, green, blue = (int(part) / 255 for part in re.findall(r"[0-9]+", colour_of(page, token)))
    return colorsys.rgb_to_hsv(red, green, blue)[0] * 360


@pytest.fixture(params=SCHEMES)
def channels(page: Page, request: pytest.FixtureRequest) -> Page:
    """The page of somebody with a channel in each state, in each scheme."""
    scheme: Literal["light", "dark"] = request.param
    user = make_user()
    make_channel(user, WELL)
    make_channel(user, WAITS, workflow_state="unconfirmed")
    make_channel(user, BAD, bounce_count=1, last_bounce_at=timezone.now())
    page.emulate_media(color_scheme=scheme)
    sign_in(page, user)
    page.goto("/profile/communication")
    return page


@pytest.mark.parametrize(
    ("address", "words", "token", "hues"),
    [
        (WELL, "Confirmed", "--well", GREEN),
        (WAITS, "Not confirmed", "--waits", AMBER),
        (BAD, "Messages come back", "--danger", RED),
    ],
)
def test_a_channels_state(
    channels: Page, address: str, words: str, token: str, hues: tuple[int, int]
) -> None:
    card = channels.get_by_role("main").locator("li.card").filter(has_text=address)
    badge = card.locator(".badge").filter(has_text=words)
    lowest, highest = hues
    assert lowest <= hue_of(channels, token) <= highest
    expect(badge).to_have_css("color", colour_of(channels, token))
    expect(badge).to_have_css("background-color", colour_of(channels, f"{token}-soft"))
    edge = "--line" if address == WELL else token
    expect(card).to_have_css("border-inline-start-color", colour_of(channels, edge))


def test_what_removes_is_red(channels: Page) -> None:
    link = channels.get_by_label(f"Remove {BAD}", exact=True)
    expect(link).to_have_css("color", colour_of(channels, "--danger"))
    link.click()
    button = channels.get_by_role("button", name="Remove it").locator("visible=true")
    expect(button).to_have_css("background-color", colour_of(channels, "--danger-fill"))
    expect(button).to_have_css("color", colour_of(channels, "--on-danger"))
    lowest, highest = RED
    assert lowest <= hue_of(channels, "--danger-fill") <= highest
