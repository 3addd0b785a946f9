"""Probes, answered whatever the threads of other requests do."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from canvas_channels.core.rest.errors import Overloaded
from canvas_channels.front import answers
from canvas_channels.front.answers import Application

ALIVE = b'{"alive": true}'
MOST_WAITING = 16


class Probes:
    """``/healthz`` on the loop itself, the others in two threads of their own."""

    def __init__(self, application: Application, loop: asyncio.AbstractEventLoop) -> None:
        self._application = application
        self._loop = loop
        self._threads = ThreadPoolExecutor(2, "probe")
        self._readiness: asyncio.Future[Recorded] | None = None
        self._waiting = 0

    async def answer(self, environ: dict[str, Any], proto: Any) -> None:
        if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            proto.response_bytes(405, [("allow", "GET, HEAD")], b"")
        elif environ["PATH_INFO"] == "/healthz":
            headers = [("content-type", "application/json"), ("cache-control", "no-store")]
            proto.response_bytes(200, headers, ALIVE)
        elif environ["PATH_INFO"] == "/readyz":
            recorded = await self._ready(environ)
            proto.response_bytes(*recorded.said)
        elif self._waiting >= MOST_WAITING:
            answers.refuse(Overloaded(), environ, proto)
        else:
            self._waiting += 1
            try:
                await self._in_thread(environ, proto)
            finally:
                self._waiting -= 1

    async def _ready(self, environ: dict[str, Any]) -> "Recorded":
        """All who ask at once get one answer, so that asking often keeps nobody waiting."""
        if self._readiness is None or self._readiness.done():
            environ["REQUEST_METHOD"] = "GET"
            recorded = Recorded()
            self._readiness = asyncio.ensure_future(self._ask(environ, recorded))
        return await asyncio.shield(self._readiness)

    async def _ask(self, environ: dict[str, Any], recorded: "Recorded") -> "Recorded":
        await self._in_thread(environ, recorded)
        return recorded

    async def _in_thread(self, environ: dict[str, Any], proto: Any) -> None:
        work = partial(answers.answer, self._application, environ, proto)
        await self._loop.run_in_executor(self._threads, work)


class Recorded:
    """Takes an answer in place of a client."""

    said: tuple[int, list[tuple[str, str]], bytes]

    def response_bytes(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.said = status, headers, content
