"""The application that granian runs."""

import asyncio
import logging
import resource
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from django.conf import settings

from canvas_channels.core.client_address import address_key
from canvas_channels.core.middleware.arrivals import (
    META,
    Arrival,
    TokensPending,
    is_counted,
    is_known,
    sender_of,
)
from canvas_channels.core.middleware.bearer_fast_path import PROBES
from canvas_channels.core.middleware.rates import rate_of
from canvas_channels.core.rest.errors import BodyTooLarge, CanvasError, Overloaded
from canvas_channels.front import answers, bodies
from canvas_channels.front.answers import Application
from canvas_channels.front.environ import collapse, wsgi_environ
from canvas_channels.front.listening import notice_who_vanishes
from canvas_channels.front.probes import Probes
from canvas_channels.front.senders import credential_of, is_open, may_carry_token, most_from
from canvas_channels.front.threads import Threads
from canvas_channels.handler import MAX_CHUNKED_BODY

logger = logging.getLogger(__name__)

SMALL = 64 * 1024  # bytes of a body that are read before its sender's credentials are known
MOST_FILES = 65_536
TURN_SECONDS = 1.0  # an unknown token waits so long, at most, until others of its address have been checked
LOOK_SECONDS = 0.02
MOST_IN_LINE = 256


class Front:
    """Counts, reads, and hands over to a thread."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, MOST_FILES)), hard))
        self._loop = loop
        self._threads = Threads(loop)
        self._counting = ThreadPoolExecutor(2, "throttle")  # which asks Redis
        self._probes = Probes(self._application, loop)
        self._in_line = 0
        self._was_asked = False

    async def __rsgi__(self, scope: Any, proto: Any) -> None:
        if not self._was_asked:
            self._was_asked = True
            notice_who_vanishes()
        environ = wsgi_environ(scope)
        if environ["PATH_INFO"] in PROBES:
            await self._probes.answer(environ, proto)
            return
        path = collapse(environ["PATH_INFO"])
        credential = credential_of(environ, path)
        body = bodies.Body(proto, environ)
        arrival = Arrival(credential, address_key(environ)) if is_counted(path) else None
        rate = rate_of(scope.method, path)
        try:
            if rate:
                await self._count(partial(rate.charge, address_key(environ)))
            if arrival:
                await self._reserve(arrival)
                environ[META] = arrival
            if self._threads.overloaded:
                raise Overloaded
            if not body.ended:
                await self._receive(body, environ, path, credential)
            sender = self._sender(credential, environ)
            await self._threads.run(sender, answers.answer, self._application, environ, proto)
        except CanvasError as error:
            answers.refuse(error, environ, proto)
        finally:
            if arrival and arrival.held:
                await self._count(arrival.leave)
            body.forget()
        await body.drain()

    def _sender(self, credential: str, environ: dict[str, Any]) -> str:
        """Whose share of the threads a request takes of.

        The credential's, while others of it are under way that began before it was known whose it is: the
        user would have a second share beside theirs.
        """
        if self._threads.serve(credential):
            return credential
        return sender_of(credential) or address_key(environ)

    async def _reserve(self, arrival: Arrival) -> None:
        """Raises :class:`RateLimitExceeded`. A token waits its turn for a moment, if not too many do."""
        until = self._loop.time() + TURN_SECONDS
        while True:
            try:
                return await self._count(arrival.reserve)
            except TokensPending:
                if self._loop.time() >= until or self._in_line >= MOST_IN_LINE:
                    raise
            self._in_line += 1
            try:
                await asyncio.sleep(LOOK_SECONDS)
            finally:
                self._in_line -= 1

    async def _count(self, work: Callable[[], object]) -> None:
        """Where the counters are in Redis, outside the loop, which waits for nobody."""
        if settings.REDIS_URL:
            await self._loop.run_in_executor(self._counting, work)
        else:
            work()

    async def _receive(self, body: bodies.Body, environ: dict[str, Any], path: str, credential: str) -> None:
        """Read the body, as much as its sender may send; what they may not, Django does not see.

        It then answers from the headers alone: that credentials are missing or bad, or the body too large.
        """
        if credential.startswith("token:"):
            at_once = is_known(credential)
        else:
            at_once = is_open(path) or may_carry_token(path, environ) or is_known(credential)
        if at_once and (body.length or 0) <= SMALL:
            await body.read(SMALL, settings.BODY_SECONDS, bodies.ANYBODYS)
            if body.ended:
                body.give(environ)
                return
        most = 0
        if (body.length or 0) <= MAX_CHUNKED_BODY:
            most = await self._threads.run(self._sender(credential, environ), most_from, environ, path)
        if not most and is_open(path):
            raise BodyTooLarge(SMALL)
        if most and (body.length or 0) <= most:
            await body.read(most, settings.BODY_SECONDS * bodies.LONGER, bodies.KNOWN_SENDERS)
        if body.ended:
            body.give(environ)
        else:
            body.withhold(environ)
