"""The demo's outbox, which the service has nowhere else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from canvas_channels.demo.people import PEOPLE
from canvas_channels.demo.standins import Outbox
from tests.browser.pages import check_page
from tests.factories import make_user
from tests.live import serve

MAIL = '<!doctype html><html lang="en"><title>News</title><main><h1>News</h1><p>It moves.</p></main></html>'
WHEN = "2026-05-01T12:00:00Z"
SENT: list[dict[str, Any]] = [
    {"kind": "sms", "to": "+16265550100", "body": "Your code is 123456", "sent_at": WHEN},
    {"kind": "push", "to": "arn:aws:sns:us-east-1:123456789012:endpoint/GCM/app/8f2e", "body": "News"}
    | {"structure": "json", "message": '{"default": "News"}', "sent_at": WHEN},
    {"kind": "email", "to": "somebody.with.a.long.name@engineering.example.edu", "subject": "News"}
    | {"body": "It moves.", "html": MAIL, "headers": [["Subject", "News"]], "sent_at": WHEN},
]


@pytest.fixture
def demo(chromium: Browser, transactional_db: None, tmp_path: Path) -> Iterator[Page]:
    outbox = tmp_path / "outbox.jsonl"
    for message in SENT:
        Outbox(outbox)(message)
    with serve(tmp_path / "log", DEMO="true", DEMO_OUTBOX_FILE=str(outbox)) as server:
        context = chromium.new_context(base_url=server.url, locale="en-US")
        yield context.new_page()
        context.close()


def test_the_outbox_looks_like_every_page_and_signs_in_by_a_click(demo: Page) -> None:
    make_user("Amy Admin", login=PEOPLE["admin"].login)
    demo.goto("/demo/outbox")
    check_page(demo, "outbox")
    expect(demo.frame_locator("iframe").get_by_text("It moves.")).to_be_visible()
    demo.get_by_label("Sent to").fill("+16265550100")
    demo.get_by_role("button", name="Show").click()
    expect(demo.locator(".sent")).to_have_count(1)
    demo.get_by_text("Sign in by a click").click()
    demo.get_by_role("button", name="Amy Admin").click()
    demo.goto("/demo/outbox")
    expect(demo.get_by_role("banner")).to_contain_text("Amy Admin")
    check_page(demo, "outbox-signed-in")
