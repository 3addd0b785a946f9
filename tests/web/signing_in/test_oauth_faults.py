"""Whatever is sent to the paths of OAuth 2 and of passwords, it is never a fault of ours."""

from base64 import b64encode
from typing import Any

import pytest
from django.test import Client

from tests.factories import make_key, make_user
from tests.oauth import REDIRECT, Flow

pytestmark = pytest.mark.django_db

TEXTS = ["", "é", "x" * 3000, "a b\tc", "\u2028", "%", "{", "http://[", "none create login", "%00"]
AUTHORIZATION = ["client_id", "response_type", "state", "scope", "code_challenge", "code_challenge_method"]
FOREIGN = ["prompt", "nonce", "claims", "resource", "ui_locales", "approval_prompt", "max_age", "request"]
TOKEN = ["client_id", "code", "code_verifier", "grant_type", "redirect_uri", "client_secret", "refresh_token"]
REDIRECTS = [
    *("http://[", "https://client.example:99999/callback", "https://client.example:x/callback", "", " "),
    *("é", "x" * 5000, f"{REDIRECT}\n", f"{REDIRECT}%00", f"{REDIRECT}?%ff", "urn:ietf:wg:oauth:2.0:oob"),
]


@pytest.fixture
def flow() -> Flow:
    browser = Client(raise_request_exception=False)
    browser.force_login(make_user())
    return Flow(browser, make_key())


@pytest.mark.parametrize("redirect_uri", REDIRECTS)
def test_any_redirect_uri(flow: Flow, redirect_uri: str) -> None:
    assert flow.ask(redirect_uri=redirect_uri).status_code in {200, 400}


@pytest.mark.parametrize("name", [*AUTHORIZATION, *FOREIGN])
@pytest.mark.parametrize("value", TEXTS)
def test_any_parameter_of_an_authorization(flow: Flow, name: str, value: str) -> None:
    page = flow.ask(**{name: value})
    assert page.status_code < 500
    for form in (flow.query | {name: value, "allow": "true"}, {name: value}):
        assert flow.browser.post("/login/oauth2/auth", form).status_code < 500
    if page.status_code == 200:
        assert flow.answer().status_code == 302


@pytest.mark.parametrize("name", [*TOKEN, *FOREIGN])
@pytest.mark.parametrize("value", [*TEXTS, ["x"], {"a": 1}, 5, None])
def test_any_parameter_of_an_exchange(flow: Flow, name: str, value: Any) -> None:
    form = {
        "client_id": flow.key.client_id,
        "redirect_uri": REDIRECT,
        "code": flow.code(),
        "code_verifier": flow.verifier,
        "refresh_token": "x",
    }
    for grant_type in ("refresh_token", "authorization_code"):
        body = form | {"grant_type": grant_type, name: value}
        answer = flow.browser.post("/login/oauth2/token", body, "application/json")
        assert answer.status_code < 500
        assert {"error", "access_token"} & set(answer.json())


@pytest.mark.parametrize(
    "credentials", ["", "x", "é", *map(b64encode, (b"\xff:\xff", b"a", b"a\x00:b", b":"))]
)
def test_any_credentials_of_a_client(flow: Flow, credentials: str | bytes) -> None:
    plain = credentials if isinstance(credentials, str) else credentials.decode()
    headers = {"authorization": f"Basic {plain}"}
    answer = flow.browser.post("/login/oauth2/token", {"code": "x"}, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert flow.browser.delete("/login/oauth2/token", headers=headers).status_code == 401


@pytest.mark.parametrize(
    "path", ["x/y", "MQ/set-password", "%ff/%ff", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5/x-y", "AA/x"]
)
def test_any_link_of_a_password_reset(path: str) -> None:
    browser = Client(raise_request_exception=False)
    assert "does not work any more" in browser.get(f"/password-reset/{path}").text
    assert browser.post(f"/password-reset/{path}", {"new_password1": "x"}).status_code == 200
