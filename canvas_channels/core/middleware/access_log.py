"""A line of the log for each request (``ACCESS_LOG``), by its route.

A server's own access log shows paths, and with them codes, tokens and addresses.
"""

import logging
import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from canvas_channels.core.client_address import client_address

logger = logging.getLogger("canvas_channels.access")


def access_log(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    def middleware(request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        response = get_response(request)
        match = request.resolver_match
        milliseconds = round(1000 * (time.perf_counter() - started), 1)
        route = match.route if match else "(none)"
        line(request.method, route, response.status_code, milliseconds, client_address(request))
        return response

    return middleware


def line(method: str | None, route: str, status: int, milliseconds: float, client: str | None) -> None:
    shown = {"method": method, "route": route, "status": status}
    logger.info("request", extra={**shown, "milliseconds": milliseconds, "client": client})
