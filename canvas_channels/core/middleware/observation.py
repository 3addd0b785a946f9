"""The outermost middleware: gives each request its id, and counts it, in a few microseconds."""

import time
from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpRequest, HttpResponseBase

from canvas_channels.core import outages, request_id
from canvas_channels.core.metrics import REQUESTS

HEADER = "X-Request-Id"
NO_ROUTE = "(none)"  # static files, and paths that are no one's
# Whatever else clients think up is one.
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
SAFE = {"GET", "HEAD", "OPTIONS"}


def observe(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    counted: dict[tuple[str, str | None, int], Callable[[float], None]] = {}  # ``labels`` is slow

    def middleware(request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        chosen = request_id.of(request.META)
        request_id.REQUEST_ID.set(chosen)  # and not back: Django logs some after this, and a stream goes on
        response = get_response(request)
        response.headers[HEADER] = chosen
        if request.method not in SAFE and response.status_code == HTTPStatus.OK:
            outages.change_was_made()
        match = request.resolver_match
        key = (
            match.route if match else NO_ROUTE,
            request.method if request.method in METHODS else "other",
            response.status_code,
        )
        observe_seconds = counted.get(key)
        if observe_seconds is None:
            observe_seconds = counted[key] = REQUESTS.labels(*key).observe
        observe_seconds(time.perf_counter() - started)
        return response

    return middleware
