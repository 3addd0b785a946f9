"""Bodies, read on the event loop: under one deadline each, and all together within a bound of memory."""

import asyncio
from collections import OrderedDict
from contextlib import suppress
from io import BytesIO
from typing import Any

from canvas_channels.core.rest.errors import BodyTimeout, Overloaded

LONGER = 6  # times the deadline, for a sender with good credentials, who may send 10 MB
DRAINED_BYTES = 16 * 2**20
DRAINED_SECONDS = 5.0
DRAINED_AT_ONCE = 16


class Memory:
    """What a kind of bodies may take in all. Beyond it the one that has been read longest is given up:

    an honest body is there within moments, one that is sent slowly on purpose is not.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken = 0
        self.reading: OrderedDict[Body, asyncio.Timeout] = OrderedDict()

    def take(self, size: int, body: "Body") -> None:
        """Raises :class:`Overloaded`."""
        self.taken += size
        if self.taken <= self.most:
            return
        oldest = next(iter(self.reading))
        if oldest is body:
            raise Overloaded
        self.reading.pop(oldest).reschedule(0)


ANYBODYS = Memory(64 * 2**20)
KNOWN_SENDERS = Memory(128 * 2**20)


class Withheld:
    """An input that cannot be read: Django answers without it."""

    def read(self, *arguments: int) -> bytes:
        raise OSError("withheld")

    readline = read


class Body:
    """A request's body. ``length`` None: it comes in chunks. ``ended``: nothing more comes."""

    _draining = 0

    def __init__(self, proto: Any, environ: dict[str, Any]) -> None:
        in_chunks = "HTTP_TRANSFER_ENCODING" in environ
        self.length = None if in_chunks else int(environ.get("CONTENT_LENGTH") or 0)
        self.ended = self.length == 0
        self._proto = proto
        self._awaits_go_on = "HTTP_EXPECT" in environ
        self._chunks: list[bytes] = []
        self._size = 0
        self._taken: dict[Memory, int] = {}
        self._pieces: Any = None

    async def read(self, most: int, seconds: float, memory: Memory) -> None:
        """Read to the end, or beyond ``most`` bytes. Raises :class:`BodyTimeout`, :class:`Overloaded`."""
        try:
            async with asyncio.timeout(seconds) as timeout:
                memory.reading[self] = timeout
                while not self.ended and self._size <= most:
                    chunk = await self._next()
                    memory.take(len(chunk), self)
                    self._taken[memory] = self._taken.get(memory, 0) + len(chunk)
                    self._chunks.append(chunk)
        except TimeoutError:
            raise BodyTimeout from None
        finally:
            memory.reading.pop(self, None)

    async def _next(self) -> bytes:
        if self._pieces is None:
            self._pieces = aiter(self._proto)
        chunk: bytes = await anext(self._pieces)
        self._size += len(chunk)
        self.ended = not chunk or self._size == self.length
        return chunk

    def give(self, environ: dict[str, Any]) -> None:
        """To Django, with its length, which tells it that one was cut off."""
        environ["wsgi.input"] = BytesIO(b"".join(self._chunks))
        environ["CONTENT_LENGTH"] = str(self._size if self.length is None else self.length)

    def withhold(self, environ: dict[str, Any]) -> None:
        environ["wsgi.input"] = Withheld()
        if self.length is None:
            environ["CONTENT_LENGTH"] = str(max(self._size, 1))

    def forget(self) -> None:
        self._chunks.clear()
        for memory, size in self._taken.items():
            memory.taken -= size
        self._taken.clear()

    async def drain(self) -> None:
        """Take what the client still sends, for a while: many read no answer before they sent all.

        One that waits to be told to go on (``Expect: 100-continue``) has its answer instead.
        """
        if self.ended or self._awaits_go_on or Body._draining >= DRAINED_AT_ONCE:
            return
        Body._draining += 1
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(DRAINED_SECONDS):
                    while not self.ended and self._size < DRAINED_BYTES:
                        await self._next()
        finally:
            Body._draining -= 1
