"""A line of the log for each request (``ACCESS_LOG``), by its route.

A server's own access log shows paths, and with them codes, tokens and addresses.
"""

import logging
import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from canvas_channels.rest.client_address import client_address

logger = logging.getLogger("canvas_channels.access")


def access_log(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    def middleware(request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        response = get_response(request)
        match = request.resolver_match
        logger.info(
            "request",
            extra={
                "method": request.method,
                "route": match.route if match else "(none)",
                "status": response.status_code,
                "milliseconds": round(1000 * (time.perf_counter() - started), 1),
                "client": client_address(request),
            },
        )
        return response

    return middleware
