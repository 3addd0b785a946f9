"""Throttling as Canvas does it (docs/contract.md, section 5): what each request costs, and who pays.

A request costs seconds of CPU and of waiting for the database. It is counted against its token, else its
user, else its IP address: the API says whom once it knows, the middleware for pages. See ``buckets``.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from canvas_channels.core.client_address import address_key
from canvas_channels.core.middleware.arrivals import API, Arrival, is_counted
from canvas_channels.core.middleware.arrivals import META as ARRIVAL
from canvas_channels.core.middleware.rates import rate_of
from canvas_channels.core.rest.errors import RateLimitExceeded

COST, REMAINING = "X-Request-Cost", "X-Rate-Limit-Remaining"

_META = "canvas_channels.meter"


class Meter:
    """What one request costs, and the bucket that pays for it."""

    __slots__ = ("_arrival", "_cpu_from", "_database", "_known_token")

    def __init__(self, arrival: Arrival | None = None) -> None:
        self._cpu_from = time.thread_time()
        self._database = 0.0
        self._known_token = False
        self._arrival = arrival or Arrival()

    def cost(self) -> float:
        """Seconds of this thread's CPU, and of statements, so far."""
        return time.thread_time() - self._cpu_from + self._database

    def watch(self, execute: Callable[..., Any], *arguments: Any) -> Any:
        """A wrapper for ``connection.execute_wrapper``: times a statement."""
        started = time.perf_counter()
        try:
            return execute(*arguments)
        finally:
            self._database += time.perf_counter() - started

    def enter(self, key: str, *, user_of_token: str = "") -> None:
        """Which bucket pays. Raises :class:`RateLimitExceeded` where it is full.

        ``user_of_token``, as ``user:<id>``, where it is a known token's.
        """
        self._known_token = bool(user_of_token)
        self._arrival.settle(key, user_of_token)

    def leave(self) -> float | None:
        """Give back what was reserved and not needed; what remains. None: nothing was reserved."""
        self._arrival.disown()
        level = self._arrival.leave(self.cost())
        return None if level is None else max(0.0, float(settings.THROTTLE_HIGH_WATER_MARK) - level)

    def show(self, response: HttpResponseBase, remaining: float | None) -> None:
        """The headers, which only a known token is told; those of a refusal stay."""
        if not self._known_token:
            return
        response.headers.setdefault(COST, f"{self.cost():.6f}")
        if remaining is not None:
            response.headers.setdefault(REMAINING, f"{remaining:.3f}")


class ThrottleMiddleware:
    """Measures each request; enters pages into a bucket (the API enters its calls itself)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        meter = request.META[_META] = Meter(request.META.get(ARRIVAL))
        streamed = False
        try:
            with connection.execute_wrapper(meter.watch):
                response = self.get_response(request)
            if isinstance(response, StreamingHttpResponse) and not response.is_async:
                response.streaming_content = _metered(
                    cast(Iterable[bytes], response.streaming_content), meter
                )
                streamed = True
        finally:
            remaining = None if streamed else meter.leave()
        meter.show(response, remaining)
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        if request.path_info.startswith(API) or not is_counted(request.path_info):
            return None
        user_id = request.session.get(SESSION_KEY)
        rate = None if ARRIVAL in request.META else rate_of(request.method or "", request.path_info)
        try:
            if rate:
                rate.charge(address_key(request.META))
            meter_of(request).enter(f"user:{user_id}" if user_id else address_key(request.META))
        except RateLimitExceeded as error:
            return self.refuse(request, error)
        return None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """What a page finds to be too many only once it has read the form."""
        return self.refuse(request, exception) if isinstance(exception, RateLimitExceeded) else None

    def refuse(self, request: HttpRequest, error: RateLimitExceeded) -> HttpResponse:
        """The answer to a page's request too many."""
        return HttpResponse(
            error.body,
            status=error.status_code,
            headers=error.headers,
            content_type="text/plain; charset=utf-8",
        )


def _metered(content: Iterable[bytes], meter: Meter) -> Iterator[bytes]:
    """A stream, whose reservation is given back at its end, so that long ones count while they last."""
    try:
        with connection.execute_wrapper(meter.watch):
            yield from content
    finally:
        meter.leave()


def meter_of(request: Any) -> Meter:
    """The meter of Django's request, or of one that wraps it."""
    meter: Meter = request.META[_META]
    return meter
