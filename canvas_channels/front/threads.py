"""The threads that run Django, and who waits for one."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from django.conf import settings

from canvas_channels.core.rest.errors import Overloaded

# Of the time that a request may wait.
STANDING = 0.2  # somebody has waited for so long, at any moment
HURRIED = 0.1  # what is left to each then; half of it, and those that come are not even taken in

Result = TypeVar("Result")


class Threads:
    """One sender has all of them but one at most: whatever holds theirs, others go on.

    A request waits ``REQUEST_QUEUE_SECONDS`` for a burst or a hitch to end. A queue that does not end is more
    than can be done, and would make every answer as late: requests that wait in one give up early, so that
    the others are answered in time. (CoDel's way to tell the two apart, RFC 8289.)
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._pool = ThreadPoolExecutor(settings.REQUEST_THREADS, "request")
        self._patience = settings.REQUEST_QUEUE_SECONDS
        self._hurried = self._patience * HURRIED
        self._waiting = 0
        self._begun = 0  # those that wait for their share are not among them
        self._full_since: float | None = None  # None: a thread is free
        self._waited = 0.0  # seconds, of the one that got a thread last
        self._shares: dict[str, Share] = {}

    @property
    def overloaded(self) -> bool:
        """Whether one that comes now would wait for nothing."""
        if self._waiting >= settings.REQUEST_THREADS + settings.REQUEST_QUEUE:
            return True
        return self._waited > self._hurried / 2 and self._is_standing()

    def serve(self, sender: str) -> bool:
        """Whether requests of the sender have a thread or wait for one."""
        return sender in self._shares

    async def run(self, sender: str, work: Callable[..., Result], *arguments: Any) -> Result:
        """Raises :class:`Overloaded` where too many wait, or it waited too long."""
        if self.overloaded:
            raise Overloaded
        arrived = self._loop.time()
        share = self._shares.setdefault(sender, Share(max(1, settings.REQUEST_THREADS - 1)))
        share.requests += 1
        self._waiting += 1
        try:
            if share.locked():
                try:
                    async with asyncio.timeout_at(arrived + self._patience):
                        await share.acquire()
                except TimeoutError:
                    raise Overloaded from None
            else:
                await share.acquire()
            try:
                return await self._in_thread(arrived, work, *arguments)
            finally:
                share.release()
        finally:
            self._waiting -= 1
            share.requests -= 1
            if not share.requests:
                self._shares.pop(sender, None)

    async def _in_thread(self, arrived: float, work: Callable[..., Result], *arguments: Any) -> Result:
        self._begun += 1
        begun = self._pool.submit(self._work, self._loop.time(), work, *arguments)
        if self._begun > settings.REQUEST_THREADS:
            if self._full_since is None:
                self._full_since = self._loop.time()
            self._loop.call_at(arrived + self._hurried, self._look_at, begun, arrived)
        try:
            return await asyncio.wrap_future(begun, loop=self._loop)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise Overloaded from None
        finally:
            self._begun -= 1
            if self._begun <= settings.REQUEST_THREADS:
                self._full_since = None

    def _work(self, queued: float, work: Callable[..., Result], *arguments: Any) -> Result:
        """Runs in a thread."""
        self._waited = self._loop.time() - queued
        return work(*arguments)

    def _is_standing(self) -> bool:
        return (
            self._full_since is not None and self._loop.time() >= self._full_since + self._patience * STANDING
        )

    def _look_at(self, begun: Future[Any], arrived: float) -> None:
        """Give up a request that has waited too long, or look again later."""
        if begun.running() or begun.done():
            return
        now = self._loop.time()
        if self._is_standing() or now >= arrived + self._patience:
            begun.cancel()
        else:
            self._loop.call_at(
                min(now + self._hurried, arrived + self._patience), self._look_at, begun, arrived
            )


class Share(asyncio.Semaphore):
    """Of the threads, one sender's. ``requests`` have one or wait for one."""

    requests = 0
