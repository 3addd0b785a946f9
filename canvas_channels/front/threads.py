"""The threads that run Django, and who waits for one."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.conf import settings

from canvas_channels.core.rest.errors import Overloaded

Result = TypeVar("Result")


class Threads:
    """One sender has all of them but one at most: whatever holds theirs, others go on."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._pool = ThreadPoolExecutor(settings.REQUEST_THREADS, "request")
        self._waiting = 0
        self._shares: dict[str, Share] = {}

    async def run(self, sender: str, work: Callable[..., Result], *arguments: Any) -> Result:
        """Raises :class:`Overloaded` where too many wait, or it waited ``REQUEST_QUEUE_SECONDS``."""
        if self._waiting >= settings.REQUEST_THREADS + settings.REQUEST_QUEUE:
            raise Overloaded
        until = self._loop.time() + settings.REQUEST_QUEUE_SECONDS
        share = self._shares.setdefault(sender, Share(max(1, settings.REQUEST_THREADS - 1)))
        share.requests += 1
        self._waiting += 1
        try:
            try:
                async with asyncio.timeout_at(until if share.locked() else None):
                    await share.acquire()
            except TimeoutError:
                raise Overloaded from None
            try:
                return await self._in_thread(until, work, *arguments)
            finally:
                share.release()
        finally:
            self._waiting -= 1
            share.requests -= 1
            if not share.requests:
                self._shares.pop(sender, None)

    async def _in_thread(self, until: float, work: Callable[..., Result], *arguments: Any) -> Result:
        begun = self._pool.submit(work, *arguments)
        given_up = self._loop.call_at(until, begun.cancel)  # which does nothing once it runs
        try:
            return await asyncio.wrap_future(begun, loop=self._loop)
        except asyncio.CancelledError:
            if self._loop.time() < until or not begun.cancelled():
                raise
            raise Overloaded from None
        finally:
            given_up.cancel()


class Share(asyncio.Semaphore):
    """Of the threads, one sender's. ``requests`` have one or wait for one."""

    requests = 0
