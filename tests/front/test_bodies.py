"""What is read of bodies, and answers that come before their end."""

from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
from django.conf import settings

from canvas_channels.core.identity.models import User
from notifications.messages import unsubscribing
from notifications.models import NotificationCategory, NotificationPreference
from tests.factories import load_catalogue, make_channel, make_token, make_user
from tests.live import LiveServer, free_port, serve

pytestmark = pytest.mark.django_db(transaction=True)

CHANNELS = "/api/v1/users/self/communication_channels"
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def user(db: None) -> User:
    return make_user()


@pytest.fixture
def bearer(user: User) -> dict[str, str]:
    return {"Authorization": f"Bearer {make_token(user)}"}


def post(server: LiveServer, path: str, body: Any, headers: dict[str, str]) -> int:
    """By a client that reads nothing before it sent all."""
    connection = HTTPConnection(server.host, server.port, timeout=30)
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def pieces(size: int) -> Any:
    return (b" " * 2**16 for _ in range(size // 2**16))


@pytest.mark.parametrize("size", [2**20 + 1, 5 * 2**20, 12 * 2**20])
@pytest.mark.parametrize("known", [False, True])
def test_413_and_401_reach_a_client_that_still_sends(
    server: LiveServer, bearer: dict[str, str], size: int, known: bool
) -> None:
    for _ in range(5):
        headers = FORM | (bearer if known else {})
        assert post(server, CHANNELS, b"a=" + b"x" * size, headers) == (413 if known else 401)


def test_the_same_in_chunks(server: LiveServer, bearer: dict[str, str]) -> None:
    for headers, status in ((JSON, 401), (JSON | bearer, 413)):
        connection = HTTPConnection(server.host, server.port, timeout=30)
        connection.request("POST", CHANNELS, pieces(5 * 2**20), headers, encode_chunked=True)
        assert connection.getresponse().status == status
        connection.close()


def test_the_same_by_requests(server: LiveServer, bearer: dict[str, str]) -> None:
    answer = requests.post(server.url + CHANNELS, b"x" * (3 * 2**20), headers=JSON | bearer, timeout=30)
    assert answer.status_code == 413


@pytest.mark.parametrize("size", [100, 60_000, 70_000, 2**20 - 200])
@pytest.mark.parametrize("where", ["header", "query", "body"])
def test_a_token_anywhere_and_a_body_of_any_size(
    server: LiveServer, user: User, size: int, where: str
) -> None:
    token = make_token(user)
    form = {"communication_channel[type]": "email", "communication_channel[address]": f"a{size}@example.edu"}
    headers, query = FORM, ""
    if where == "header":
        headers = FORM | {"Authorization": f"Bearer {token}"}
    elif where == "query":
        query = f"?access_token={token}"
    else:
        form["access_token"] = token
    body = urlencode(form | {"x": "y" * size})
    expected = 401 if where == "body" and len(body) > 2**16 else 200
    assert post(server, CHANNELS + query, body, headers) == expected


@pytest.mark.parametrize("ending", ["", "/", ".json"])
def test_a_large_import_is_read(server: LiveServer, bearer: dict[str, str], ending: str) -> None:
    path = f"/api/v1/accounts/self/communication_channels/import{ending}"
    body = b'{"communication_channels": []' + b" " * (3 * 2**20) + b"}"
    assert post(server, path, body, JSON | bearer) == 403  # after it was read: no admin


def test_who_is_told_to_go_on_only_sends_what_is_wanted(server: LiveServer, bearer: dict[str, str]) -> None:
    headers = JSON | bearer | {"Expect": "100-continue", "Content-Length": str(50 * 2**20)}
    connection = HTTPConnection(server.host, server.port, timeout=30)
    connection.request("POST", CHANNELS, None, headers)
    assert connection.getresponse().status == 413
    connection.close()


def test_a_body_is_not_missed_because_the_database_was_away(bearer: dict[str, str], tmp_path: Path) -> None:
    """Nobody can say whether its sender is known: they are asked to try again."""
    nowhere = f"postgresql://nobody@127.0.0.1:{free_port()}/nowhere"
    with serve(tmp_path / "log", DATABASE_URL=nowhere) as server:
        answer = requests.post(server.url + CHANNELS, data={"a": "b"}, headers=bearer, timeout=60)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 1


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"List-Unsubscribe=One-Click", FORM),
        (b"", {}),
        (pieces(2**16), {"Transfer-Encoding": "chunked", "Content-Type": "multipart/form-data; boundary=b"}),
    ],
)
def test_a_mailboxs_own_button_unsubscribes_with_any_body(
    server: LiveServer, user: User, body: Any, headers: dict[str, str]
) -> None:
    """RFC 8058: it brings neither cookie nor token."""
    load_catalogue()
    channel = make_channel(user)
    category = NotificationCategory.objects.get(slug="announcement")
    link = unsubscribing.link(channel, [category.pk])
    assert post(server, link.removeprefix(settings.PUBLIC_URL), body, headers) == 200
    chosen = NotificationPreference.objects.filter(channel=channel, notification__category=category)
    assert {preference.frequency for preference in chosen} == {"never"}
