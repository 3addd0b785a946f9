"""Real OAuth 2 libraries against the running server: requests-oauthlib and authlib."""

import base64
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from django.test import Client
from oauthlib.oauth2 import InvalidGrantError
from pytest_django import Settings
from requests_oauthlib import OAuth2Session

from canvas_channels.core.identity.models import User
from tests.factories import make_key, make_user
from tests.live import LiveServer
from tests.oauth import LIST, REDIRECT, SECRET, Flow, confidential_key

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _as_the_server(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    """The loopback has no TLS, which requests-oauthlib insists on; secrets are hashed as the server does."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]


@pytest.fixture
def penny(server: LiveServer) -> User:
    return make_user("Penny")


def consent(user: User, key: object, url: str) -> str:
    """What the person's browser does with the URL that the library made; where it is sent in the end."""
    browser = Client()
    browser.force_login(user)
    flow = Flow(browser, key)  # type: ignore[arg-type]
    flow.query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    return str(flow.answer()["Location"])


def test_requests_oauthlib_with_pkce_refreshes_and_revokes(server: LiveServer, penny: User) -> None:
    key = make_key()
    client = OAuth2Session(key.client_id, redirect_uri=REDIRECT, pkce="S256")
    url, _ = client.authorization_url(f"{server.url}/login/oauth2/auth")
    token = client.fetch_token(
        f"{server.url}/login/oauth2/token",
        authorization_response=consent(penny, key, url),
        include_client_id=True,
    )
    assert token["user"] == {"id": penny.pk, "name": "Penny"}
    assert client.get(server.channels(), timeout=30).json() == []
    old = token["access_token"]
    new = client.refresh_token(f"{server.url}/login/oauth2/token", client_id=key.client_id)
    assert new["access_token"] != old
    assert requests.get(server.channels(), params={"access_token": old}, timeout=30).status_code == 401
    assert client.get(server.channels(), timeout=30).status_code == 200
    assert client.delete(f"{server.url}/login/oauth2/token", timeout=30).json() == {}
    with pytest.raises(InvalidGrantError):
        client.refresh_token(f"{server.url}/login/oauth2/token", client_id=key.client_id)


def test_authlib_refreshes_by_itself(server: LiveServer, penny: User) -> None:
    key = confidential_key(require_scopes=True, scopes=[LIST])
    client = AuthlibSession(
        key.client_id,
        SECRET,
        redirect_uri=REDIRECT,
        scope=LIST,
        token_endpoint=f"{server.url}/login/oauth2/token",
    )
    url, state = client.create_authorization_url(f"{server.url}/login/oauth2/auth")
    token = client.fetch_token(authorization_response=consent(penny, key, url), state=state)
    assert token["scope"] == LIST
    client.token = token | {"expires_at": 1}
    assert client.get(server.channels()).json() == []
    assert client.token["access_token"] != token["access_token"]
    assert client.get(f"{server.channels()}/1/resend").status_code in {401, 405}


def test_a_code_makes_one_token_however_many_present_it_at_once(server: LiveServer, penny: User) -> None:
    key = make_key()
    browser = Client()
    browser.force_login(penny)
    flow = Flow(browser, key)
    form = {
        "grant_type": "authorization_code",
        "client_id": key.client_id,
        "redirect_uri": REDIRECT,
        "code": flow.code(),
        "code_verifier": flow.verifier,
    }

    def exchange(_: int) -> int:
        return requests.post(f"{server.url}/login/oauth2/token", data=form, timeout=30).status_code

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(exchange, range(4))) == [200, 400, 400, 400]


def test_a_confidential_client_may_use_basic_authentication(server: LiveServer, penny: User) -> None:
    key = confidential_key()
    url = (
        f"{server.url}/login/oauth2/auth?response_type=code&client_id={key.client_id}&redirect_uri={REDIRECT}"
    )
    code = parse_qs(urlsplit(consent(penny, key, url)).query)["code"][0]
    basic = base64.b64encode(f"{key.client_id}:{SECRET}".replace(" ", "+").encode()).decode()
    answer = requests.post(
        f"{server.url}/login/oauth2/token",
        data={"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT},
        headers={"Authorization": f"Basic {basic}"},
        timeout=30,
    )
    assert answer.json()["token_type"] == "Bearer"
