"""Answers: Django's, made in a thread, and those that need none."""

from collections.abc import Callable
from functools import cache
from typing import Any

import orjson
from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation

from canvas_channels.core import request_id
from canvas_channels.core.client_address import address_of
from canvas_channels.core.metrics import REQUESTS
from canvas_channels.core.middleware import access_log
from canvas_channels.core.middleware.observation import METHODS
from canvas_channels.core.rest import handlers
from canvas_channels.core.rest.errors import CanvasError, Overloaded, RateLimitExceeded, Unavailable
from canvas_channels.handler import Request
from canvas_channels.web import errors
from canvas_channels.web.pages import POLICY, policy
from canvas_channels.web.words import try_again

Application = Callable[..., Any]

REFUSED = "(refused)"  # before any route was looked for


def answer(application: Application, environ: dict[str, Any], proto: Any) -> None:
    """What the WSGI application says; runs in a request's thread."""
    begun: list[tuple[int, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        begun[:] = [(int(status[:3]), headers)]

    response = application(environ, start_response)
    try:
        [(status, headers)] = begun
        if getattr(response, "streaming", False):
            stream = proto.response_stream(status, headers)
            for piece in response:
                for _ in stream.send_bytes(piece).__await__():  # which says that the client is gone
                    pass
        else:
            proto.response_bytes(status, headers, b"".join(response))
    finally:
        response.close()


def refuse(error: CanvasError, environ: dict[str, Any], proto: Any) -> None:
    """An error of docs/contract.md, section 2, with what browsers of other origins need to read it."""
    content, kind = orjson.dumps(error.body), "application/json"
    headers = {**error.headers, "X-Request-Id": request_id.of(environ), "Cache-Control": "no-store"}
    if isinstance(error, RateLimitExceeded):
        content, kind = error.body.encode(), "text/plain; charset=utf-8"
    if isinstance(error, Overloaded | Unavailable | RateLimitExceeded) and errors.HTML in environ.get(
        "HTTP_ACCEPT", ""
    ):
        request = Request(environ)
        if not handlers.is_api(request):
            language = translation.get_language_from_request(request)
            template = "error_throttled.html" if error.status_code != 503 else "error_unavailable.html"
            content = _page(template, language, error.retry_after)
            kind = "text/html; charset=utf-8"
            headers[POLICY] = policy()
    origin = environ.get("HTTP_ORIGIN")
    if origin in settings.CORS_ALLOWED_ORIGINS:
        exposed = ", ".join(settings.CORS_EXPOSE_HEADERS)
        headers |= {"Access-Control-Allow-Origin": origin, "Vary": "origin"}
        headers["Access-Control-Expose-Headers"] = exposed
    method = environ["REQUEST_METHOD"]
    REQUESTS.labels(REFUSED, method if method in METHODS else "other", error.status_code).observe(0)
    if settings.ACCESS_LOG:
        access_log.line(method, REFUSED, error.status_code, 0, address_of(environ))
    proto.response_bytes(error.status_code, [("Content-Type", kind), *headers.items()], content)


def _page(template: str, language: str, retry_after: int) -> bytes:
    with translation.override(language):
        return _rendered(template, language, try_again(retry_after))


@cache  # of few words: waits are seconds, a minute, minutes or hours
def _rendered(template: str, language: str, again: str) -> bytes:
    return render_to_string(f"web/{template}", {"again": again}).encode()
