"""Rates for what is open to everybody, by address."""

import pytest
from pytest_django import Settings

from canvas_channels.core.middleware import buckets, process_buckets, rates
from canvas_channels.core.middleware.arrivals import Arrival
from canvas_channels.core.rest.errors import RateLimitExceeded


@pytest.fixture(autouse=True)
def _limits(settings: Settings) -> None:
    settings.PASSWORD_RESETS_PER_ADDRESS_PER_HOUR, settings.OPEN_REQUESTS_PER_MINUTE = 5, 7
    buckets.buckets_at.cache_clear()


def count(method: str, path: str, address: str = "ip:192.0.2.1") -> None:
    rate = rates.rate_of(method, path)
    assert rate
    rate.charge(address)


@pytest.mark.parametrize(
    ("method", "path", "most"),
    [
        ("POST", "/password-reset", 5),
        ("POST", "/password-reset/", 7),
        ("GET", "/password-reset/MQ/a-token", 7),
        ("POST", "/password-reset/MQ/set-password", 7),
        ("GET", "/register/a-code", 7),
        ("POST", "/register/a-code", 7),
        ("POST", "/not-me/a-secret", 7),
        ("POST", "/login", 7),
        ("POST", "/admin/login/", 7),
        ("GET", "/login/oidc", 7),
        ("GET", "/login/oidc/callback", 7),
        ("POST", "/login/oauth2/token", 7),
        ("DELETE", "/login/oauth2/token", 7),
        ("POST", "/login/oauth2/auth", 7),
    ],
)
def test_so_many_at_once_and_no_more(method: str, path: str, most: int) -> None:
    for _ in range(most):
        count(method, path)
    with pytest.raises(RateLimitExceeded) as refused:
        count(method, path)
    assert 1 <= int(refused.value.headers["Retry-After"]) <= 3600 / 5
    count(method, path, "ip:192.0.2.2")


def test_the_kinds_have_a_share_each() -> None:
    for _ in range(7):
        count("POST", "/login")
    count("POST", "/register/a-code")
    count("POST", "/login/oauth2/token")
    with pytest.raises(RateLimitExceeded):
        count("POST", "/admin/login")


def test_what_is_given_back_may_be_used_again() -> None:
    for _ in range(30):
        count("POST", "/login")
        rates.SIGN_INS.give_back("ip:192.0.2.1")
    for _ in range(7):
        count("POST", "/login")
    with pytest.raises(RateLimitExceeded):
        count("POST", "/login")


def test_made_up_tokens_make_no_process_forget_who_asked_too_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_buckets, "MOST_BUCKETS", 10)
    for _ in range(5):
        count("POST", "/password-reset")
    for number in range(20):
        Arrival(f"token:{number}", "ip:192.0.2.1").reserve()
    with pytest.raises(RateLimitExceeded):
        count("POST", "/password-reset")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/login"), ("GET", "/password-reset"), ("POST", "/api/v1/users/self"), ("POST", "/password")],
)
def test_what_is_not_counted(method: str, path: str) -> None:
    assert rates.rate_of(method, path) is None
