"""How a web server is started: by the demo, the tests, the benchmark, docs/operating.md and ``Dockerfile``.

Connections that say nothing, or not all of a request's head, cost memory only: many are allowed, and closed
soon. HTTP/2 would let one connection bring hundreds of requests, and wait for its first byte without end.
"""

import sys

OPTIONS = (
    *("--interface", "rsgi", "--loop", "uvloop", "--no-ws", "--http", "1", "--backlog", "2048"),
    *("--backpressure", "8192", "--http1-buffer-size", "65536", "--http1-header-read-timeout", "10000"),
    *("--respawn-failed-workers", "--workers-kill-timeout", "20"),
)
APPLICATION = "canvas_channels.rsgi:application"


def command(host: str, port: int) -> list[str]:
    """For a server that says only what is wrong."""
    where = ["--host", host, "--port", str(port), "--log-level", "warning"]
    return [sys.executable, "-m", "granian", *OPTIONS, *where, APPLICATION]
