"""Draws the README's pictures from a running demo: ``python -m tests.tools.picture [DATA]``.

``DATA`` is the demo's folder; without it, that of ``scripts/serve``.
"""

import json
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests import ROOT
from tests.browser.conftest import CHROMIUM, QUIET

PAGES = {"channels.png": "/profile/communication", "preferences.png": "/profile/notifications"}
PICTURES = [ROOT / "docs" / name for name in PAGES]
SIZE = {"width": 960, "height": 720}
NUMBER = "+1 626 555 0123"


def draw(page: Page, login: str, password: str, folder: Path) -> None:
    """Sign in, add a phone number where there is none yet, and keep pictures of the person's pages."""
    page.set_viewport_size(SIZE)  # type: ignore[arg-type]
    page.goto("/login?next=/profile/communication")
    page.get_by_label("Login").fill(login)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    if page.get_by_text("Not confirmed").count() == 0:
        page.locator(".switch").get_by_text("Text message").click()
        page.get_by_role("textbox", name="Phone number for text messages").fill(NUMBER)
        page.keyboard.press("Enter")
        page.get_by_text("Not confirmed").wait_for()
    for name, path in PAGES.items():
        page.goto(path)
        page.screenshot(path=folder / name)


def main() -> None:
    data = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "var"
    demo = json.loads((data / "demo.json").read_text())
    person = demo["users"]["sheldon"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        context = browser.new_context(base_url=demo["base_url"], locale="en-US")
        draw(context.new_page(), person["login"], person["password"], ROOT / "docs")
        browser.close()


if __name__ == "__main__":
    main()
