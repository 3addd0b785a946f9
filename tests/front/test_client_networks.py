"""Clients behind the proxy on the real server: one is known by its IPv4 address, or by its IPv6 network."""

import time
from collections.abc import Iterator
from select import select

import pytest
import requests
from pytest_django import Settings

from tests.factories import make_user
from tests.front.sockets import connected, head
from tests.live import LiveServer, serve

pytestmark = pytest.mark.django_db(transaction=True)

# Two addresses of one client, as a proxy may write them, and that of a neighbour.
CLIENTS = [
    ("2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff", "2001:db8:0:2::1"),
    ("2001:db8:0:3::1", "[2001:DB8:0:3:0:0:0:2]:4711", "2001:db8:0:6:ffff:ffff:ffff:ffff"),
    ("192.0.2.1", "::ffff:192.0.2.1", "::ffff:192.0.2.2"),
    ("::ffff:198.51.100.1", "[::FFFF:C633:6401]:4711", "198.51.100.2"),
    ("2001:db8:0:4::1", "192.0.2.1, 2001:db8:0:4::2", "2001:db8:0:4::1, 2001:db8:0:5::1"),
]
SETTINGS = {
    "TRUST_PROXY_HEADERS": "true",
    "OPEN_REQUESTS_PER_MINUTE": "1",
    "PASSWORD_RESETS_PER_ADDRESS_PER_HOUR": "1",
    "THROTTLE_MAXIMUM": "800",
    "THROTTLE_HIGH_WATER_MARK": "600",
}
SIGNING_IN = {"TRUST_PROXY_HEADERS": "true", "SIGN_IN_FAILURES": "2"}
MOST_AT_ONCE = 12  # requests whose reservations a bucket holds
LOGIN, PASSWORD = "sheldon@example.edu", "a strange one"

of_each_kind = pytest.mark.parametrize(("one", "same", "other"), CLIENTS)


@pytest.fixture(scope="module")
def strict(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with serve(tmp_path_factory.mktemp("strict") / "log", **SETTINGS) as live:
        yield live


@pytest.fixture(scope="module")
def locking(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with serve(tmp_path_factory.mktemp("locking") / "log", **SIGNING_IN) as live:
        yield live


@pytest.fixture
def login(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]  # as the server's
    make_user(login=LOGIN, password=PASSWORD)


@of_each_kind
@pytest.mark.parametrize("path", ["/password-reset", "/register/a-code", "/login/oauth2/token"])
def test_the_rate_of_what_is_open(strict: LiveServer, path: str, one: str, same: str, other: str) -> None:
    def throttled(address: str) -> bool:
        headers = {"X-Forwarded-For": address}
        return requests.post(strict.url + path, headers=headers, timeout=30).status_code == 429

    assert [throttled(address) for address in (one, same, one, other)] == [False, True, True, False]


@of_each_kind
def test_the_throttle(strict: LiveServer, one: str, same: str, other: str) -> None:
    """Each request holds its reservation while its body is awaited."""

    def said(address: str) -> bytes:
        form = ("Content-Type: application/x-www-form-urlencoded", "Content-Length: 10")
        return head("POST /unsubscribe/a-secret", *form, f"X-Forwarded-For: {address}")

    of_one = [said(address) for address in (one, same) for _ in range(MOST_AT_ONCE)]
    with connected(strict, of_one) as sockets:
        while len(select(sockets, [], [], 30)[0]) < MOST_AT_ONCE // 3:  # refused without their bodies
            time.sleep(0.05)
        with connected(strict, [said(other)] * (MOST_AT_ONCE // 2)) as others:
            for socket in others:
                socket.sendall(b"0123456789")
            assert all(b" 429 " not in socket.recv(64) for socket in others)


@of_each_kind
def test_the_lock_out(locking: LiveServer, login: None, one: str, same: str, other: str) -> None:
    def sign_in(address: str, password: str) -> int:
        with requests.Session() as client:
            client.headers["X-Forwarded-For"] = address
            client.get(f"{locking.url}/login", timeout=30)
            form = {"csrfmiddlewaretoken": client.cookies["csrftoken"]}
            form |= {"username": LOGIN, "password": password}
            answer = client.post(f"{locking.url}/login", form, timeout=30, allow_redirects=False)
            return answer.status_code

    assert [sign_in(address, "wrong") for address in (one, same)] == [200, 429]
    assert [sign_in(address, PASSWORD) for address in (one, same, other)] == [429, 429, 302]
