"""A front end on another origin, in a real browser, which keeps from it what it may not read."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.factories import make_channel, make_token, make_user
from tests.live import LiveServer, serve

CALL = """
async ([url, token, method]) => {
    try {
        const headers = {Authorization: `Bearer ${token}`};
        const answer = await fetch(url, {method, headers});
        return [answer.status, answer.headers.get("Link"), await answer.json()];
    } catch (error) {
        return [0, null, String(error)];
    }
}
"""


class Blank(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>A front end</title>")

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def front_end() -> Iterator[str]:
    """A page on an origin of its own."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Blank) as host:
        threading.Thread(target=host.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{host.server_port}"
        host.shutdown()


@pytest.fixture
def elsewhere(chromium: Browser, front_end: str) -> Iterator[Page]:
    context = chromium.new_context()
    page = context.new_page()
    page.goto(front_end)
    yield page
    context.close()


@pytest.mark.django_db(transaction=True)
def test_a_named_front_end_lists_and_deletes(elsewhere: Page, front_end: str, tmp_path: Path) -> None:
    user = make_user()
    channel, token = make_channel(user), make_token(user)
    with serve(tmp_path / "log", CORS_ALLOWED_ORIGINS=front_end) as service:
        status, link, shown = elsewhere.evaluate(CALL, [service.channels(), token, "GET"])
        assert (status, [one["id"] for one in shown]) == (200, [channel.pk])
        assert 'rel="current"' in link
        url = f"{service.channels()}/{channel.pk}"
        status, _, shown = elsewhere.evaluate(CALL, [url, token, "DELETE"])
        assert (status, shown["workflow_state"]) == (200, "retired")


@pytest.mark.django_db(transaction=True)
def test_another_front_end_gets_nothing(elsewhere: Page, server: LiveServer) -> None:
    status, _, error = elsewhere.evaluate(CALL, [server.channels(), make_token(make_user()), "GET"])
    assert status == 0
    assert "Failed to fetch" in error
