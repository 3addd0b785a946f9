"""Who is counted before their credentials are looked at."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from canvas_channels.core.middleware import arrivals, buckets
from canvas_channels.core.middleware.arrivals import Arrival, TokensPending
from canvas_channels.core.rest.errors import RateLimitExceeded

ADDRESS = "ip:192.0.2.1"


@pytest.fixture(autouse=True)
def _nobody_is_known(settings: Settings) -> Iterator[None]:
    settings.THROTTLE_MAXIMUM, settings.THROTTLE_HIGH_WATER_MARK = 800.0, 600.0
    for clear in (buckets.buckets_at.cache_clear, arrivals._known.clear, arrivals._suspects.clear):
        clear()
    yield
    for clear in (buckets.buckets_at.cache_clear, arrivals._known.clear, arrivals._suspects.clear):
        clear()


def level(key: str) -> float:
    return buckets.buckets_at("").add(key, 0.0)[1]


def arrived(credential: str) -> Arrival:
    arrival = Arrival(credential, ADDRESS)
    arrival.reserve()
    return arrival


def how_many(credentials: Iterator[str]) -> int:
    """Arrivals until one is refused, of 60."""
    held = []
    try:
        for _ in range(60):
            held.append(arrived(next(credentials)))
    except RateLimitExceeded:
        pass
    return len(held)


def made_up() -> Iterator[str]:
    return (f"token:made-up-{n}" for n in range(100))


def same(credential: str) -> Iterator[str]:
    return (credential for _ in range(100))


def test_a_dozen_at_once_of_one_token_whoever_made_it_up() -> None:
    assert how_many(same("token:x")) in {11, 12}


def test_a_dozen_at_once_without_credentials() -> None:
    assert how_many(same("")) in {11, 12}


def test_many_tokens_from_one_address_are_no_fault() -> None:
    assert how_many(made_up()) == 60


def test_made_up_tokens_in_turn_are_no_way_around() -> None:
    arrived("token:bad").settle(ADDRESS)
    assert how_many(made_up()) <= 12


def test_tokens_wait_for_tokens_and_not_for_unended_bodies() -> None:
    arrived("token:bad").settle(ADDRESS)
    how_many(made_up())
    with pytest.raises(TokensPending):
        arrived("token:good")
    buckets.buckets_at("").add(f"unknown:{ADDRESS}", -800)
    assert how_many(f"session:made-up-{n}" for n in range(100)) <= 12
    assert arrived("token:good").held == ["token:good", f"unknown:{ADDRESS}"]


def test_who_is_known_does_not_suffer_from_others_at_the_address() -> None:
    good = arrived("token:good")
    good.settle("token:1")
    good.leave()
    arrived("token:bad").settle(ADDRESS)
    how_many(made_up())
    assert arrived("token:good").held == ["token:1"]


def test_a_token_that_is_good_no_longer_is_forgotten() -> None:
    arrived("token:x").settle("token:1")
    assert arrivals.is_known("token:x")
    arrived("token:x").settle(ADDRESS)
    assert not arrivals.is_known("token:x")


def test_a_reservation_moves_to_whose_it_is_and_is_given_back() -> None:
    arrival = arrived("session:x")
    assert level("session:x") > 45
    arrival.settle("user:1")
    assert level("session:x") < 1
    assert level("user:1") > 45
    arrival.leave(0.5)
    assert level("user:1") < 1
    assert arrival.leave() is None


def test_a_refusal_holds_nothing() -> None:
    buckets.buckets_at("").add("user:1", 580.0)
    arrival = arrived("session:x")
    with pytest.raises(RateLimitExceeded):
        arrival.settle("user:1")
    assert (arrival.held, level("session:x")) == ([], 0.0)


def test_what_nobody_asked_about_is_a_strangers() -> None:
    """Of a path that has no view, say: made-up sessions in turn are no way around the address's bucket."""
    made_up = arrived("session:made-up")
    made_up.disown()
    made_up.leave(5)
    assert level(ADDRESS) > 4
    assert how_many(f"session:{n}" for n in range(100)) in {11, 12}


def test_what_is_known_is_no_strangers() -> None:
    arrived("session:good").settle("user:1")
    again = arrived("session:good")
    again.disown()
    again.leave(5)
    assert level(ADDRESS) == 0
    assert how_many(f"session:{n}" for n in range(100)) == 60
