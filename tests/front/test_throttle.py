"""The throttle on the real server, where a request counts from its arrival."""

import time
from collections.abc import Iterator
from pathlib import Path
from select import select

import pytest
import requests

from canvas_channels.core.middleware.redis_buckets import REDIS_PAUSE
from tests.factories import make_token, make_user
from tests.front.sockets import answer_on, ask, connected, head
from tests.live import LiveServer, serve
from tests.redis_server import RedisServer

pytestmark = pytest.mark.django_db(transaction=True)

CHANNELS = "/api/v1/users/self/communication_channels"
MARKS = {"THROTTLE_MAXIMUM": "800", "THROTTLE_HIGH_WATER_MARK": "600"}


@pytest.fixture(params=["process", "redis"])
def throttled(request: pytest.FixtureRequest, tmp_path: Path, transactional_db: None) -> Iterator[LiveServer]:
    shared = {}
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("redis_server")
        shared = {"REDIS_URL": server.url}
    with serve(tmp_path / "log", **MARKS, **shared) as live:
        yield live


def test_one_at_a_time_is_never_throttled_and_60_at_once_are(throttled: LiveServer) -> None:
    token = make_token(make_user())
    with requests.Session() as client:
        client.headers["Authorization"] = f"Bearer {token}"
        for _ in range(300):
            assert client.get(throttled.url + CHANNELS, timeout=30).status_code == 200
    # Each holds its reservation while its body is awaited: at most 12 have room, and as many again in a
    # process to which Redis answered too late.
    body = ("Content-Type: application/json", "Content-Length: 2", f"Authorization: Bearer {token}")
    with connected(throttled, [head(f"POST {CHANNELS}", *body)] * 60) as sockets:
        while len(select(sockets, [], [], 30)[0]) < 30:  # refused without their bodies
            time.sleep(0.05)
        for one in sockets:
            one.sendall(b"{}")
        answers = [answer_on(one) for one in sockets]
    for status, headers, content in answers:
        if status == 429:
            assert content == b"429 Too Many Requests (Rate Limit Exceeded)"
            assert headers["content-type"].startswith("text/plain")
            assert headers["x-rate-limit-remaining"] == "0.0"
            assert int(headers["retry-after"]) >= 1
            assert headers["x-request-id"]
    found = [status for status, _, _ in answers]
    assert set(found) == {400, 429}
    assert found.count(429) >= 30
    assert requests.get(throttled.url + CHANNELS, headers={"Authorization": f"Bearer {token}"}, timeout=30).ok


def test_made_up_sessions_in_turn_are_one_client(tmp_path: Path, transactional_db: None) -> None:
    form = ("Content-Type: application/x-www-form-urlencoded", "Content-Length: 10")
    paths = ["/logout", "/unsubscribe/no/such/path", "/login/none", "/register/a/b"]
    said = [head(f"POST {paths[n % 4]}", *form, f"Cookie: sessionid=made-up-{n}") for n in range(60)]
    with serve(tmp_path / "log", **MARKS) as server:
        assert ask(server, said[1] + b"a=bcdefghi")[0] in {403, 404}
        with connected(server, said) as sockets:
            while len(select(sockets, [], [], 30)[0]) < 30:
                time.sleep(0.05)
            assert answer_on(select(sockets, [], [], 30)[0][0])[0] == 429


def test_a_browser_without_credentials_is_shown_a_page_in_its_language(
    tmp_path: Path, transactional_db: None
) -> None:
    form = ("Content-Type: application/x-www-form-urlencoded", "Content-Length: 10")
    page = head("GET /login", "Accept: text/html", "Accept-Language: de")
    log = tmp_path / "log"
    with (
        serve(log, **MARKS, ACCESS_LOG="true") as server,
        connected(server, [head("POST /login", *form)] * 60) as sockets,
    ):
        while len(select(sockets, [], [], 30)[0]) < 30:
            time.sleep(0.05)
        status, headers, content = ask(server, page)
        assert ask(server, head("GET /healthz"))[0] == ask(server, head("GET /readyz"))[0] == 200
    assert (status, "Zu viele Anfragen" in content.decode()) == (429, True)
    assert "in einigen Sekunden" in content.decode()
    assert headers["content-type"].startswith("text/html")
    assert int(headers["retry-after"]) >= 1
    assert '"route": "(refused)"' in log.read_text()


def test_a_redis_that_hangs_costs_a_request_its_bound_once(
    tmp_path: Path, transactional_db: None, redis_server: RedisServer
) -> None:
    """Each try is another connection, which it takes in the end; after the first, a thread makes them."""
    token, requests_sent = make_token(make_user()), 50
    with serve(tmp_path / "log", REDIS_URL=redis_server.url, **MARKS) as server, requests.Session() as client:
        client.headers["Authorization"] = f"Bearer {token}"
        assert client.get(server.url + CHANNELS, timeout=30).ok
        before, began = redis_server.connections_made(), time.monotonic()
        redis_server.hang()
        for _ in range(requests_sent):
            assert client.get(server.url + CHANNELS, timeout=30).ok
        assert client.post(f"{server.url}/login", timeout=30).status_code == 403
        lasted = time.monotonic() - began
        redis_server.go_on()
        asked = redis_server.connections_made() - before
    assert asked <= 2 + lasted / REDIS_PAUSE < requests_sent  # one is ours
