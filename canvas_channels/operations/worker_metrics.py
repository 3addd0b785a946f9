"""The worker's own ``/metrics`` and ``/healthz``: it has no other web server.

What it delivered is counted in its process: in the database it would cost a statement a delivery, on a row
that all workers fight for.
"""

import sys
from collections.abc import Callable, Iterable
from http import HTTPStatus
from socketserver import ThreadingMixIn
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from canvas_channels.operations import exposition


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    timeout = 10  # seconds for a client to say what it wants

    def log_message(self, *arguments: Any) -> None:
        """A scrape each few seconds is no news."""


def serve(port: int) -> None:
    """In a thread that ends with the process; a port that is taken stops the start."""
    try:
        server = make_server("", port, _answer, _Server, _Handler)
    except OSError as error:
        sys.exit(f"WORKER_METRICS_PORT {port}: {error.strerror}")
    Thread(target=server.serve_forever, name="metrics", daemon=True).start()


def _answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/healthz":
        status, body = HTTPStatus.OK, b"alive"
    elif environ["PATH_INFO"] != "/metrics":
        status, body = HTTPStatus.NOT_FOUND, b""
    elif not exposition.is_allowed(environ.get("HTTP_AUTHORIZATION", "")):
        status, body = HTTPStatus.UNAUTHORIZED, b""
    else:
        status, body = HTTPStatus.OK, exposition.of_process()
    headers = [("Content-Type", exposition.CONTENT_TYPE), ("Content-Length", str(len(body)))]
    start_response(f"{status.value} {status.phrase}", headers)
    return [body]
