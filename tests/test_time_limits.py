"""The time limit of what is made once for all tests, and that of each test."""

import signal

import pytest

from tests.time_limits import SECONDS


def left() -> float:
    """Seconds until this test is given up."""
    return signal.getitimer(signal.ITIMER_REAL)[0]


@pytest.fixture(scope="session")
def while_an_inner_one_is_made() -> float:
    return left()


@pytest.fixture(scope="session")
def while_both_are_made(request: pytest.FixtureRequest) -> list[float]:
    return [left(), request.getfixturevalue("while_an_inner_one_is_made"), left()]


def test_what_is_made_once_takes_no_time_from_the_first_test(
    while_both_are_made: list[float], request: pytest.FixtureRequest
) -> None:
    limit = request.config.getoption("timeout")
    assert all(limit < seconds <= SECONDS for seconds in while_both_are_made)
    assert 0 < left() <= limit


def test_each_test_has_its_limit(request: pytest.FixtureRequest) -> None:
    assert 0 < left() <= request.config.getoption("timeout")
