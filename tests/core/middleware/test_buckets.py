"""The throttle's leaky buckets: in a process, and in a real Redis that may go away."""

import time
from collections.abc import Callable, Iterator
from threading import current_thread
from typing import Any

import pytest
from pytest_django import Settings
from redis import Redis

from canvas_channels.core.middleware import buckets, process_buckets, redis_buckets
from canvas_channels.core.middleware.buckets import Buckets
from canvas_channels.core.middleware.process_buckets import ProcessBuckets
from canvas_channels.core.middleware.redis_buckets import RedisBuckets
from tests.redis_server import RedisServer

MARK = 600.0


@pytest.fixture(autouse=True)
def _marks(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Next to nothing leaks while a test runs, and Redis answers in time, however busy the machine is."""
    settings.THROTTLE_MAXIMUM, settings.THROTTLE_OUTFLOW = 800.0, 0.01
    monkeypatch.setattr(redis_buckets, "REDIS_TIMEOUT", 2.0)
    monkeypatch.setattr(redis_buckets, "REDIS_PAUSE", 1000.0)


@pytest.fixture
def tries(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each time that Redis is asked."""
    asked: list[str] = []

    def script(client: Redis, text: str) -> Any:
        registered = register(client, text)

        def add(**given: Any) -> Any:
            asked.append(given["keys"][0])
            return registered(**given)

        return add

    register = Redis.register_script
    monkeypatch.setattr(Redis, "register_script", script)
    return asked


@pytest.fixture
def pings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The threads that asked Redis whether it answers."""
    asked: list[str] = []

    def ping(client: Redis) -> Any:
        asked.append(current_thread().name)
        return answer(client)

    answer = Redis.ping
    monkeypatch.setattr(Redis, "ping", ping)
    return asked


def wait_for(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture(params=["process", "redis"])
def kept(request: pytest.FixtureRequest) -> Iterator[Buckets]:
    if request.param == "process":
        yield ProcessBuckets()
    else:
        yield RedisBuckets(request.getfixturevalue("redis_server").url)


def test_a_bucket_takes_what_stays_below_the_mark(kept: Buckets) -> None:
    assert [kept.add("a", 290.0, MARK)[0] for _ in range(3)] == [True, True, False]
    assert kept.add("b", 290.0, MARK)[0]


def test_a_refusal_adds_nothing(kept: Buckets) -> None:
    kept.add("a", 300.0)
    taken, level = kept.add("a", 400.0, MARK)
    assert not taken
    assert level == pytest.approx(300, abs=5)
    assert kept.add("a", 200.0, MARK)[0]


def test_what_was_not_needed_comes_back(kept: Buckets) -> None:
    kept.add("a", 50.0)
    _, level = kept.add("a", 0.25 - 50.0)
    assert level == pytest.approx(0.25, abs=0.2)


def test_a_level_is_never_below_zero_nor_above_the_maximum(kept: Buckets) -> None:
    assert kept.add("a", -50.0) == (True, 0.0)
    assert kept.add("a", 5000.0) == (True, 800.0)


def test_a_bucket_leaks(kept: Buckets, settings: Settings) -> None:
    settings.THROTTLE_OUTFLOW = 1000.0
    kept.add("a", 500.0)
    time.sleep(0.1)
    assert kept.add("a", 0.0)[1] <= 400


def test_a_process_forgets_the_buckets_that_were_idle_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_buckets, "MOST_BUCKETS", 2)
    kept = ProcessBuckets()
    for key in "abac":
        kept.add(key, 100.0)
    assert kept.add("b", 0.0) == (True, 0.0)
    assert kept.add("c", 0.0)[1] > 0


def test_redis_is_shared_and_forgets_empty_buckets(redis_server: RedisServer, settings: Settings) -> None:
    settings.THROTTLE_OUTFLOW = 10.0
    one, other = RedisBuckets(redis_server.url), RedisBuckets(redis_server.url)
    one.add("a", 400.0, MARK)
    assert not other.add("a", 400.0, MARK)[0]
    seconds = other._server.add.registered_client.ttl("throttle:a")
    assert 0 < seconds <= 41


@pytest.mark.parametrize("how", ["stop", "hang"])
def test_without_redis_a_process_counts_for_itself_and_nobody_waits(
    redis_server: RedisServer,
    how: str,
    tries: list[str],
    pings: list[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(redis_buckets, "REDIS_PAUSE", 0.01)
    kept = RedisBuckets(redis_server.url)
    kept.add("a", 590.0)
    getattr(redis_server, how)()
    tries.clear()
    assert all(kept.add("a", 0.1, MARK)[0] for _ in range(200))
    wait_for(lambda: pings.count("redis") >= 2)  # others find out meanwhile whether it answers again
    assert not kept.add("a", 600.0, MARK)[0]
    assert len(tries) == 1
    assert [record.message for record in caplog.records] == ["throttle without Redis"]
    redis_server.start() if how == "stop" else redis_server.go_on()
    wait_for(lambda: not kept._server.is_away)
    kept.add("shared again", 100.0)
    assert RedisBuckets(redis_server.url).add("shared again", 0.0)[1] > 0


def test_a_redis_that_hangs_is_away_for_whatever_is_counted(redis_server: RedisServer) -> None:
    requests, sign_ins = (buckets.buckets_at(redis_server.url, use) for use in ("throttle", "rates"))
    requests.add("a", 1.0), sign_ins.add("a", 1.0)
    before = redis_server.connections_made()
    redis_server.hang()
    for _ in range(20):
        requests.add("a", 1.0), sign_ins.add("a", 1.0)
    redis_server.go_on()
    assert redis_server.connections_made() - before <= 2  # one is ours


def test_the_process_has_one_set_of_buckets_at_a_url() -> None:
    assert buckets.buckets_at("") is buckets.buckets_at("")
    assert isinstance(buckets.buckets_at("redis://localhost/9"), RedisBuckets)
