"""What every page must be: accessible, light, usable on a phone and in the dark, and ours alone."""

import os
from collections.abc import Collection
from importlib import import_module
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from playwright.sync_api import Page, ViewportSize

from canvas_channels.core.identity.models import User

SCREENSHOTS = Path(__file__).parent / "screenshots"  # ignored by git; to be looked at
PICTURES = bool(os.environ.get("PICTURES"))  # take them: a long page costs seconds
WCAG_2_2_AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OF_COLOURS = ["color-contrast", "link-in-text-block"]  # the rules whose answer a colour scheme changes
MAX_BYTES = 100_000
MAX_STEP_BYTES = 25_000  # of an answer that a script fetches
PHONE: ViewportSize = {"width": 320, "height": 640}  # WCAG 2.2, criterion 1.4.10
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WEIGHT = """
() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
    .map(entry => [entry.name, entry.encodedBodySize, entry.initiatorType])
"""

# Addresses outside of an .address, and those that break in a part that would have fitted into a line.
NOTHING_MOVES = """
() => document.getAnimations().every(
  (one) => one.playState !== "running" || one.effect.getComputedTiming().endTime === Infinity
)
"""
BAD_ADDRESSES = """
() => {
  const found = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const { parentElement, data } = texts.currentNode;
    const kept = ".address, .hidden, script, style, code, pre, textarea, select, template";
    if (parentElement.closest(kept) || !parentElement.checkVisibility()) continue;
    if (/[^\\s@]@[^\\s@]+[.]/.test(data)) found.push(data.trim());
  }
  for (const address of document.querySelectorAll(".address")) {
    if (!address.checkVisibility() || address.closest(".hidden")) continue;
    const letters = [];
    const parts = document.createTreeWalker(address, NodeFilter.SHOW_TEXT);
    while (parts.nextNode()) {
      for (let at = 0; at < parts.currentNode.length; at++) {
        const range = document.createRange();
        range.setStart(parts.currentNode, at);
        range.setEnd(parts.currentNode, at + 1);
        letters.push({ letter: range.toString(), box: range.getBoundingClientRect() });
      }
    }
    let block = address.parentElement;
    while (getComputedStyle(block).display === "inline") block = block.parentElement;
    const { paddingLeft, paddingRight } = getComputedStyle(block);
    const room = block.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight);
    const ends = ({ letter }) => "@.".includes(letter);
    letters.forEach(({ box }, at) => {
      const before = letters[at - 1];
      if (!before || ends(before) || Math.abs(box.top - before.box.top) < box.height / 2) return;
      const start = letters.slice(0, at).findLastIndex(ends) + 1;
      const end = letters.findIndex((each, place) => place >= at && ends(each));
      const part = letters.slice(start, end < 0 ? undefined : end + 1);
      if (part.reduce((sum, each) => sum + each.box.width, 0) <= room) found.push(address.textContent);
    });
  }
  return found;
}
"""
COLOUR = """
token => {
    const probe = document.body.appendChild(document.createElement("i"));
    probe.style.color = `var(${token})`;
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
}
"""


def sign_in(page: Page, user: User) -> None:
    """Give the page's browser a session of the user, as signing in does."""
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "canvas_channels.identity.backends.LoginBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    page.goto("/")
    cookie: Any = {"name": settings.SESSION_COOKIE_NAME, "value": session.session_key, "url": page.url}
    page.context.add_cookies([cookie])


def check_page(page: Page, name: str) -> None:
    """Fail where the page that is open is not what every page must be; ``name``: of its pictures.

    The page is left light and at its own size.
    """
    check_weight(page)
    size = page.viewport_size
    _check_schemes(page, name)
    page.set_viewport_size(PHONE)
    check_fits(page)
    check_addresses(page)
    _check_schemes(page, f"{name}-phone")
    if size:
        page.set_viewport_size(size)


def _check_schemes(page: Page, name: str) -> None:
    page.emulate_media(color_scheme="dark")
    check_accessible(page, rules=OF_COLOURS)
    take_picture(page, f"{name}-dark")
    page.emulate_media(color_scheme="light")
    check_accessible(page)
    take_picture(page, f"{name}-light")


def take_picture(page: Page, name: str, *, full_page: bool = True) -> None:
    """Keep the page as it looks now, in ``SCREENSHOTS``, where ``PICTURES`` are asked for."""
    if PICTURES:
        page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=full_page, caret="initial")


def check_accessible(page: Page, *, rules: Collection[str] = (), except_for: Collection[str] = ()) -> None:
    """No violation of WCAG 2.2 AA that axe-core finds; ``except_for``: by rules that somebody else breaks.

    ``rules``: only by these. What fades in has less contrast until it is there.
    """
    page.wait_for_function(NOTHING_MOVES)
    run = {"type": "rule", "values": [*rules]} if rules else {"type": "tag", "values": WCAG_2_2_AA}
    found = Axe().run(page, options={"runOnly": run, "resultTypes": ["violations"]}).response["violations"]
    ours = [rule for rule in found if rule["id"] not in except_for]
    told = [(rule["id"], rule["help"], [node["html"] for node in rule["nodes"]]) for rule in ours]
    assert not told, f"{page.url}: {told}"


def check_weight(page: Page) -> None:
    """Less than 100 KB with everything that it loads, all of it from its own host, and light steps since."""
    loaded: list[tuple[str, int, str]] = page.evaluate(WEIGHT)
    own = urlsplit(page.url).netloc
    foreign = [url for url, _, _ in loaded if url.startswith("http") and urlsplit(url).netloc != own]
    assert not foreign, f"{page.url} loads {foreign}"
    steps = [size for _, size, initiator in loaded if initiator in {"xmlhttprequest", "fetch"}]
    assert max(steps, default=0) < MAX_STEP_BYTES, loaded
    assert sum(size for _, size, _ in loaded) - sum(steps) < MAX_BYTES, loaded


def check_fits(page: Page) -> None:
    """Nothing has to be scrolled sideways for."""
    wide = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"{page.url} is {wide} pixels too wide for a phone"


def check_addresses(page: Page) -> None:
    """Each one breaks after its @ and its dots alone, but for parts that fill a line."""
    found = page.evaluate(BAD_ADDRESSES)
    assert not found, f"{page.url}: {found}"


def colour_of(page: Page, token: str) -> str:
    """That of ``tokens.css`` in the page's scheme, as browsers compute it: ``rgb(1, 2, 3)``."""
    return str(page.evaluate(COLOUR, token))
