"""Calls of people who are signed in, at the production server, which reads bodies by whose they are."""

from typing import Any

import pytest
import requests
from django.conf import settings
from django.test import Client

from tests.factories import make_user
from tests.live import LiveServer

pytestmark = pytest.mark.django_db(transaction=True)

TOKEN = "a" * 32
FORM = {"communication_channel[type]": "email", "communication_channel[address]": "new@example.edu"}
JSON = {"communication_channel": {"type": "email", "address": "new@example.edu"}}
SHAPES: dict[str, dict[str, Any]] = {
    "form": {"data": FORM},
    "json": {"json": JSON},
    "multipart": {"files": {name: (None, value) for name, value in FORM.items()}},
    "query": {"params": FORM},
    "more than is read of strangers": {"data": FORM | {"filler": "x" * 200_000}},
    "more JSON than is read of strangers": {"json": JSON | {"filler": "x" * 200_000}},
}


@pytest.fixture
def browser(server: LiveServer) -> requests.Session:
    client = Client()
    client.force_login(make_user())
    browser = requests.Session()
    browser.cookies[settings.SESSION_COOKIE_NAME] = client.cookies[settings.SESSION_COOKIE_NAME].value
    browser.cookies["csrftoken"] = TOKEN
    return browser


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("authorization", ["", "Basic dXNlcjpwYXNz", "Negotiate YIIB"])
def test_a_body_reaches_its_view(
    server: LiveServer, browser: requests.Session, shape: str, authorization: str
) -> None:
    if authorization:
        browser.headers["Authorization"] = authorization
    refused = browser.post(server.channels(), timeout=60, **SHAPES[shape])
    assert (refused.status_code, refused.json()["status"]) == (403, "unauthorized")
    answer = browser.post(server.channels(), timeout=60, headers={"X-CSRFToken": TOKEN}, **SHAPES[shape])
    assert (answer.status_code, answer.json()["address"]) == (200, "new@example.edu")
    assert answer.headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize("authorization", ["Bearer", "Bearer x", "bearer x"])
def test_a_bad_token_counts_before_a_session(
    server: LiveServer, browser: requests.Session, authorization: str
) -> None:
    headers = {"X-CSRFToken": TOKEN, "Authorization": authorization}
    for shape in SHAPES.values():
        answer = browser.post(server.channels(), timeout=60, headers=headers, **shape)
        assert answer.json() == {"errors": [{"message": "Invalid access token."}]}
        assert (answer.status_code, "no-store" in answer.headers["Cache-Control"]) == (401, True)
