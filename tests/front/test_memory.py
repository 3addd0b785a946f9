"""All unfinished bodies together stay within a bound of memory."""

import asyncio
from typing import Any

import pytest

from canvas_channels.core.rest.errors import BodyTimeout, Overloaded
from canvas_channels.front.bodies import Body, Memory


class Sender:
    """Says some, then nothing."""

    def __init__(self, *said: bytes) -> None:
        self._said = iter(said)

    def __aiter__(self) -> "Sender":
        return self

    async def __anext__(self) -> bytes:
        for piece in self._said:
            return piece
        return await asyncio.get_running_loop().create_future()


def body(*said: bytes, length: int = 1000) -> Body:
    return Body(Sender(*said), {"CONTENT_LENGTH": str(length)})


def test_the_slowest_gives_way_to_the_next() -> None:
    memory = Memory(150)

    async def run() -> Any:
        slow = asyncio.create_task(body(b"x" * 100).read(1000, 60, memory))
        await asyncio.sleep(0)
        await body(b"x" * 100, length=100).read(1000, 60, memory)
        [outcome] = await asyncio.gather(slow, return_exceptions=True)
        return outcome

    outcome = asyncio.run(run())
    assert isinstance(outcome, BodyTimeout)
    assert not memory.reading


def test_one_alone_that_is_too_much_is_told_to_come_again() -> None:
    with pytest.raises(Overloaded):
        asyncio.run(body(b"x" * 200).read(1000, 60, Memory(150)))


def test_what_is_forgotten_is_free_again() -> None:
    memory, one = Memory(150), body(b"x" * 100, length=100)
    asyncio.run(one.read(1000, 60, memory))
    assert memory.taken == 100
    one.forget()
    assert memory.taken == 0


def test_a_deadline_is_for_the_whole_body() -> None:
    with pytest.raises(BodyTimeout):
        asyncio.run(body(b"x", b"x").read(1000, 0.01, Memory(150)))
