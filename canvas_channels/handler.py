"""Django's handler of requests, for requests that any header may come with."""

from io import BytesIO
from typing import Any

from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.utils.http import parse_header_parameters

MAX_CHUNKED_BODY = 10 * 2**20  # the largest body that any endpoint takes; each has its own limit below it
MAX_CONTENT_TYPE = 1024  # characters; Python parses its parameters in quadratic time


class Request(WSGIRequest):
    """A request that any header may come with: Django fails on some before a handler of errors runs.

    Others would keep it busy for long.
    """

    def __init__(self, environ: dict[str, Any]) -> None:
        try:
            if len(environ.get("CONTENT_TYPE", "")) > MAX_CONTENT_TYPE:
                raise ValueError
            parse_header_parameters(environ.get("CONTENT_TYPE", ""))
        except ValueError:
            environ["CONTENT_TYPE"] = "application/octet-stream"  # a body of it is answered with a 415
        if "\\" in environ.get("HTTP_COOKIE", ""):
            environ["HTTP_COOKIE"] = _without_escapes(environ["HTTP_COOKIE"])
        if "HTTP_TRANSFER_ENCODING" in environ and not environ.get("CONTENT_LENGTH"):
            _measure_body(environ)
        super().__init__(environ)

    @property
    def encoding(self) -> None:
        """Always UTF-8: Django would read the query string in the charset that the body is said to have."""

    @encoding.setter
    def encoding(self, charset: str) -> None:
        pass


def _without_escapes(cookies: str) -> str:
    """Without cookies that hold a backslash: none may (RFC 6265), and none of ours does.

    Python before 3.11.10 takes quadratic time to undo them, and an escaped NUL is no session's key.
    """
    return ";".join(cookie for cookie in cookies.split(";") if "\\" not in cookie)


def _measure_body(environ: dict[str, Any]) -> None:
    """Give a body in chunks its length, without which Django takes it for empty."""
    body = environ["wsgi.input"].read(MAX_CHUNKED_BODY + 1)
    environ["wsgi.input"] = BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))


class Handler(WSGIHandler):
    request_class = Request
