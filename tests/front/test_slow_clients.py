"""Clients that keep connections, heads or bodies open: others are answered meanwhile, and so are probes."""

import time
from pathlib import Path

import pytest
import requests

from tests.factories import make_token, make_user
from tests.front.sockets import answer_on, ask, connected, head, message_of
from tests.live import LiveServer, serve

pytestmark = pytest.mark.django_db(transaction=True)

CHANNELS = "/api/v1/users/self/communication_channels"
UNENDED = ("Content-Type: application/json", "Content-Length: 1000000")
SMALL = ("Content-Type: application/x-www-form-urlencoded", "Content-Length: 5000")
CHUNKED = ("Content-Type: application/json", "Transfer-Encoding: chunked")
REQUESTS = 100
P99_SECONDS = 1.0
BUSY = 3  # times as long as alone, where that is more
ROUNDS = 3


def slow_heads() -> list[bytes]:
    """What takes a simple parser long: time that grows with the square of a header's length."""
    backslashes, semicolons = "\\" * 50_000, ";" * 50_000
    return [
        head("GET /login", f'Cookie: sessionid="{backslashes}"'),
        head("GET /help", f'Cookie: a="{backslashes}"', "Accept: text/html"),
        head(f"GET {CHANNELS}", f'Content-Type: a;"{semicolons}'),
        head("POST /login", f"Content-Type: a;{semicolons}", "Content-Length: 0", "Accept: text/html"),
        head(f"GET {CHANNELS}?access_token=a{'&b' * 25_000}"),
        head("GET /login", f"Cookie: sessionid=a{';b=c' * 12_000}"),
    ]


def slow_bodies(token: str) -> list[bytes]:
    good, bad = f"Authorization: Bearer {token}", "Authorization: Bearer made-up"
    kinds = [
        head(f"POST {CHANNELS}", *UNENDED),
        head(f"POST {CHANNELS}", *UNENDED, good),
        head(f"POST {CHANNELS}", *UNENDED, bad),
        head(f"POST {CHANNELS}", *CHUNKED) + b"5\r\n{    \r\n",
        head(f"POST {CHANNELS}", *CHUNKED, good) + b"5\r\n{    \r\n",
        head(f"POST {CHANNELS}", *SMALL),
        head(f"POST {CHANNELS}", *SMALL, good) + b"a=b",
        head("POST /login", *SMALL),
        head("POST /login/oauth2/token", *CHUNKED),
        head("POST /register/x", *UNENDED),
        head("POST /webhooks/postmark", *SMALL),
        head("POST /profile/communication/add", *SMALL, "Cookie: sessionid=made-up"),
    ]
    return [kinds[n % len(kinds)] for n in range(200)]


def assert_others_are_answered(server: LiveServer, beside: list[bytes]) -> None:
    """Somebody of whom the server had not heard, while each of ``beside`` was said, and no more.

    In one round of a few: what else the machine is busy with passes.
    """
    for _ in range(ROUNDS):
        token = make_token(make_user())
        with connected(server, beside):
            found = p99(server, token)
        if found < P99_SECONDS or found < BUSY * (quiet := p99(server, token)):
            return
    pytest.fail(f"99% within {found:.1f} s, and {quiet:.1f} s where nobody disturbs")


def p99(server: LiveServer, token: str) -> float:
    times = []
    with requests.Session() as client:
        client.headers["Authorization"] = f"Bearer {token}"
        for _ in range(REQUESTS):
            started = time.monotonic()
            assert client.get(f"{server.url}{CHANNELS}", timeout=30).status_code == 200
            times.append(time.monotonic() - started)
        for probe in ("/healthz", "/readyz"):
            assert client.get(server.url + probe, timeout=30).status_code == 200
    return sorted(times)[int(0.99 * REQUESTS) - 1]


@pytest.mark.parametrize("throttled", [False, True], ids=["no-throttle", "throttle"])
def test_unended_bodies(tmp_path: Path, throttled: bool) -> None:
    marks = {"THROTTLE_MAXIMUM": "800", "THROTTLE_HIGH_WATER_MARK": "600"} if throttled else {}
    attacker = make_token(make_user())
    with serve(tmp_path / "log", **marks) as server:
        assert_others_are_answered(server, slow_bodies(attacker))


def test_heads_that_take_long_to_parse(server: LiveServer) -> None:
    assert_others_are_answered(server, slow_heads())


def test_a_first_call_waits_for_made_up_tokens_of_its_address(tmp_path: Path) -> None:
    """A flood of them is refused; a good token that nobody knows yet comes through beside it."""
    framing = ("Content-Type: application/json", "Content-Length: 1000000")
    flood = [head(f"POST {CHANNELS}", *framing, f"Authorization: Bearer made-up-{n}") for n in range(100)]
    marks = {"THROTTLE_MAXIMUM": "800", "THROTTLE_HIGH_WATER_MARK": "600"}
    with serve(tmp_path / "log", **marks) as server:
        assert ask(server, flood[0])[0] == 401
        assert_others_are_answered(server, flood)


def test_silent_connections_and_half_heads(server: LiveServer) -> None:
    half = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow:"
    assert_others_are_answered(server, [b""] * 1100 + [half] * 200)


def test_a_body_has_one_deadline_however_it_is_sent(tmp_path: Path) -> None:
    with serve(tmp_path / "log", BODY_SECONDS="0.5") as server:
        with connected(server, [head("POST /login/oauth2/token", *SMALL)]) as [one]:
            status, _, content = answer_on(one)
        assert (status, message_of(content)) == (408, "The request body took too long.")


@pytest.mark.parametrize("framing", [UNENDED, CHUNKED, SMALL])
def test_bad_credentials_are_refused_before_the_body(server: LiveServer, framing: tuple[str, str]) -> None:
    status, headers, content = ask(
        server, head(f"POST {CHANNELS}", *framing, "Authorization: Bearer made-up")
    )
    assert (status, message_of(content)) == (401, "Invalid access token.")
    assert "www-authenticate" in headers


def test_a_large_body_has_its_token_in_the_head(server: LiveServer) -> None:
    status, _, content = ask(server, head(f"POST {CHANNELS}", *UNENDED))
    assert (status, message_of(content)) == (401, "user authorization required")
    status, _, content = ask(server, head("POST /login/oauth2/token", *UNENDED))
    assert status == 413


def test_10_mb_are_refused_by_the_head(server: LiveServer) -> None:
    framing = ("Content-Type: application/json", f"Content-Length: {10 * 2**20}")
    credentials: list[tuple[str, ...]] = [(), ("Authorization: Bearer made-up",)]
    for lines in credentials:
        for path in (CHANNELS, "/api/v1/accounts/1/communication_channels/import"):
            assert ask(server, head(f"POST {path}", *framing, *lines))[0] == 401
    good = f"Authorization: Bearer {make_token(make_user())}"
    assert ask(server, head(f"POST {CHANNELS}", *framing, good))[0] == 413
