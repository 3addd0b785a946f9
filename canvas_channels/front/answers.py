"""Answers: Django's, made in a thread, and those that need none."""

from collections.abc import Callable
from typing import Any

import orjson
from django.conf import settings

from canvas_channels.metrics import REQUESTS
from canvas_channels.rest import request_id
from canvas_channels.rest.errors import CanvasError

REFUSED = "(refused)"  # before any route was looked for


def answer(application: Callable[..., Any], environ: dict[str, Any], proto: Any) -> None:
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
    """An error of the contract; with what browsers of other origins need to read it."""
    in_words = isinstance(error.body, str)
    content = error.body.encode() if in_words else orjson.dumps(error.body)
    headers = [("content-type", "text/plain; charset=utf-8" if in_words else "application/json")]
    headers += [(name.lower(), value) for name, value in error.headers.items()]
    headers += [("x-request-id", request_id.choose(None)), ("cache-control", "no-store")]
    origin = environ.get("HTTP_ORIGIN")
    if origin in settings.CORS_ALLOWED_ORIGINS:
        headers += [("access-control-allow-origin", origin), ("vary", "origin")]
        headers += [("access-control-expose-headers", ", ".join(settings.CORS_EXPOSE_HEADERS))]
    REQUESTS.labels(REFUSED, "other", error.status_code).observe(0)
    proto.response_bytes(error.status_code, headers, content)
