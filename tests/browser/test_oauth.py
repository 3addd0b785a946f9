"""A person and an app: the app's OAuth library and the person's browser go through the code flow."""

import secrets
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from authlib.integrations.requests_client import OAuth2Session
from playwright.sync_api import Page, expect

from canvas_channels.core.identity.models import DeveloperKey, User
from tests.browser.pages import check_page, sign_in
from tests.factories import make_account, make_key, make_user
from tests.live import LiveServer
from tests.oauth import CREATE, LIST

pytestmark = pytest.mark.django_db(transaction=True)

LOGIN = "penny@example.com"
PASSWORD = "a good one, penny"


class App:
    """An app on the person's machine: it waits on the loopback for the browser to come back (RFC 8252)."""

    def __init__(self) -> None:
        self.came_back: list[str] = []
        app = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                app.came_back.append(self.path)
                self.send_response(200)
                self.send_header("Content-Type", "text/plain")
                self.end_headers()
                self.wfile.write(b"Back in the app.")

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.redirect_uri = f"http://127.0.0.1:{self.server.server_port}/callback"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def app() -> Iterator[App]:
    app = App()
    yield app
    app.server.shutdown()
    app.server.server_close()


@pytest.fixture
def penny(page: Page) -> User:
    return make_user("Penny", make_account("Cheesecake"), login=LOGIN, password=PASSWORD)


def make_app_key(**fields: object) -> DeveloperKey:
    return make_key(name="Student", redirect_uris="http://127.0.0.1/callback", **fields)


def session_of(app: App, key: DeveloperKey, scope: str | None = None) -> OAuth2Session:
    return OAuth2Session(
        key.client_id,
        redirect_uri=app.redirect_uri,
        scope=scope,
        code_challenge_method="S256",
        token_endpoint_auth_method="none",
    )


def test_an_app_gets_a_token_by_a_browser(page: Page, app: App, penny: User, server: LiveServer) -> None:
    client = session_of(app, make_app_key())
    verifier = secrets.token_urlsafe(48)
    url, state = client.create_authorization_url(f"{server.url}/login/oauth2/auth", code_verifier=verifier)
    page.goto(url)
    page.get_by_label("Login").fill(LOGIN)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Allow Student access?")).to_be_visible()
    check_page(page, "consent")
    page.get_by_role("button", name="Allow", exact=True).click()
    expect(page.get_by_text("Back in the app.")).to_be_visible()
    token = client.fetch_token(
        f"{server.url}/login/oauth2/token",
        authorization_response=f"http://127.0.0.1{app.came_back[0]}",
        code_verifier=verifier,
        state=state,
    )
    assert token["user"] == {"id": penny.pk, "name": "Penny"}
    assert client.get(server.channels()).json() == []


def test_the_page_shows_scopes_in_words(page: Page, app: App, penny: User, server: LiveServer) -> None:
    key = make_app_key(require_scopes=True, scopes=[LIST, CREATE])
    sign_in(page, penny)
    url, _ = session_of(app, key, f"{LIST} {CREATE}").create_authorization_url(
        f"{server.url}/login/oauth2/auth", code_verifier=secrets.token_urlsafe(48)
    )
    page.goto(url)
    expect(page.get_by_role("listitem")).to_have_text(
        [
            "See the email addresses, phone numbers and devices you are reached by",
            "Add an email address, a phone number or this device to yours",
        ]
    )
    check_page(page, "consent-scopes")


def test_a_person_may_say_no(page: Page, app: App, penny: User, server: LiveServer) -> None:
    sign_in(page, penny)
    url, state = session_of(app, make_app_key()).create_authorization_url(
        f"{server.url}/login/oauth2/auth", code_verifier=secrets.token_urlsafe(48)
    )
    page.goto(url)
    page.get_by_role("button", name="Do not allow").click()
    expect(page.get_by_text("Back in the app.")).to_be_visible()
    assert app.came_back[0] == f"/callback?error=access_denied&state={state}"


def test_a_broken_app_is_explained(page: Page, penny: User) -> None:
    sign_in(page, penny)
    page.goto("/login/oauth2/auth?client_id=nobody&response_type=code")
    expect(page.get_by_role("heading", name="This app cannot sign you in")).to_be_visible()
    check_page(page, "consent-error")
