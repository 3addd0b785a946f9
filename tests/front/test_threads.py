"""Who gets a thread, and for how long the others wait."""

import asyncio
import threading
from collections.abc import Callable

import pytest
from pytest_django import Settings

from canvas_channels.core.rest.errors import Overloaded
from canvas_channels.front.threads import Threads


@pytest.fixture(autouse=True)
def _bounds(settings: Settings) -> None:
    settings.REQUEST_THREADS, settings.REQUEST_QUEUE, settings.REQUEST_QUEUE_SECONDS = 2, 4, 0.3


def with_held_threads(count: int, then: Callable[[Threads], "asyncio.Future[str]"]) -> str:
    """What ``then`` gives while ``count`` senders hold a thread each."""
    go = threading.Event()

    async def run() -> str:
        threads = Threads(asyncio.get_running_loop())
        held = [asyncio.ensure_future(threads.run(f"holder {n}", go.wait, 30)) for n in range(count)]
        await asyncio.sleep(0.1)
        try:
            return await then(threads)
        finally:
            go.set()
            assert all(await asyncio.gather(*held))
            assert await threads.run("holder 0", lambda: True)

    return asyncio.run(run())


def answer(sender: str) -> Callable[[Threads], "asyncio.Future[str]"]:
    return lambda threads: asyncio.ensure_future(threads.run(sender, lambda: "answered"))


def test_another_sender_has_the_thread_that_is_left() -> None:
    assert with_held_threads(1, answer("somebody else")) == "answered"


def test_the_same_sender_waits_for_theirs_and_gives_up() -> None:
    with pytest.raises(Overloaded):
        with_held_threads(1, answer("holder 0"))


def test_one_who_gets_no_thread_gives_up() -> None:
    with pytest.raises(Overloaded):
        with_held_threads(2, answer("somebody else"))


def test_who_waits_where_a_queue_does_not_end_gives_up_before_who_waits_for_their_own(
    settings: Settings,
) -> None:
    """The first would be late with all that come after it; the others' threads are none of the second's."""
    settings.REQUEST_QUEUE_SECONDS = 2
    gave_up = []

    async def ask(threads: Threads, sender: str) -> None:
        with pytest.raises(Overloaded):
            await threads.run(sender, lambda: None)
        gave_up.append(sender)

    async def both(threads: Threads) -> str:
        await asyncio.gather(ask(threads, "holder 0"), ask(threads, "somebody else"))
        return "refused"

    with_held_threads(2, lambda threads: asyncio.ensure_future(both(threads)))
    assert gave_up == ["somebody else", "holder 0"]


def test_a_burst_is_waited_for(settings: Settings) -> None:
    settings.REQUEST_QUEUE_SECONDS = 30

    async def run() -> list[int]:
        threads = Threads(asyncio.get_running_loop())
        burst = (threads.run(f"sender {n}", lambda n=n: n) for n in range(6))
        return await asyncio.gather(*burst)

    assert asyncio.run(run()) == list(range(6))


def test_further_ones_than_may_wait_are_refused_at_once(settings: Settings) -> None:
    settings.REQUEST_QUEUE_SECONDS = 60

    async def seven(threads: Threads) -> str:
        waiting = [asyncio.ensure_future(threads.run(f"sender {n}", lambda: True)) for n in range(4)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await threads.run("sender 4", lambda: True)
        assert not any(one.done() for one in waiting)
        for one in waiting:
            one.cancel()
        assert all(
            isinstance(outcome, asyncio.CancelledError)
            for outcome in await asyncio.gather(*waiting, return_exceptions=True)
        )
        return "refused"

    assert with_held_threads(2, lambda threads: asyncio.ensure_future(seven(threads))) == "refused"
