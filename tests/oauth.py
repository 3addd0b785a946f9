"""The steps of the OAuth 2 code flow, for tests."""

import base64
import hashlib
import re
import secrets
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.test import Client

from canvas_channels.core.identity.models import DeveloperKey
from tests.factories import make_key
from tests.responses import ClientResponse

REDIRECT = "https://client.example/callback"
CHANNELS = "/api/v1/users/self/communication_channels"
LIST = "url:GET|/api/v1/users/:user_id/communication_channels"
CREATE = "url:POST|/api/v1/users/:user_id/communication_channels"
SECRET = "a secret of the client"


def confidential_key(**fields: Any) -> DeveloperKey:
    return make_key(client_type=DeveloperKey.CLIENT_CONFIDENTIAL, client_secret=SECRET, **fields)


class Flow:
    """One run of the code flow by a client with PKCE; ``browser`` is signed in already."""

    def __init__(self, browser: Client, key: DeveloperKey, redirect_uri: str = REDIRECT) -> None:
        self.browser = browser
        self.key = key
        self.verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(self.verifier.encode()).digest()
        self.query = {
            "client_id": key.client_id,
            "response_type": "code",
            "redirect_uri": redirect_uri,
            "state": "xyzzy",
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }

    def ask(self, **changes: str | None) -> ClientResponse:
        """Open the page that asks for consent; a change of None leaves a parameter out."""
        self.query = {name: value for name, value in (self.query | changes).items() if value is not None}
        return self.browser.get("/login/oauth2/auth", self.query)

    def answer(self, *, allow: bool = True, **changes: str | None) -> ClientResponse:
        """Open the page and press one of its buttons."""
        page = self.ask(**changes)
        fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))
        fields.pop("allow", None)
        form = {name: unescape(value) for name, value in fields.items()}
        return self.browser.post("/login/oauth2/auth", form | ({"allow": "true"} if allow else {}))

    def code(self, **changes: Any) -> str:
        return result(self.answer(**changes))["code"]

    def exchange(self, code: str, **changes: str | None) -> ClientResponse:
        form = {
            "grant_type": "authorization_code",
            "client_id": self.key.client_id,
            "redirect_uri": self.query.get("redirect_uri"),
            "code": code,
            "code_verifier": self.verifier,
        }
        form |= changes
        return Client().post("/login/oauth2/token", {k: v for k, v in form.items() if v is not None})

    def token(self, **changes: Any) -> dict[str, Any]:
        """The whole flow; the token endpoint's answer."""
        answer: dict[str, Any] = self.exchange(self.code(**changes)).json()
        return answer

    def refresh(self, refresh_token: str, **changes: str) -> ClientResponse:
        form = {
            "grant_type": "refresh_token",
            "client_id": self.key.client_id,
            "refresh_token": refresh_token,
        }
        return Client().post("/login/oauth2/token", form | changes)


def result(answer: ClientResponse) -> dict[str, str]:
    """What the redirect to the client carries."""
    assert answer.status_code == 302, answer.text
    return {name: values[0] for name, values in parse_qs(urlsplit(answer["Location"]).query).items()}


def call(token: str, path: str = CHANNELS, method: str = "get", **data: Any) -> ClientResponse:
    headers = {"authorization": f"Bearer {token}"}
    answer: ClientResponse = getattr(Client(), method)(path, data, headers=headers)
    return answer
