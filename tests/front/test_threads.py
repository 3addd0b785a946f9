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
