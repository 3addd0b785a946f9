"""How a web server is started: by the demo, the tests, the benchmark, and as README and ``Dockerfile`` say.

One process, and threads that wait for PostgreSQL; how many, see the README's "How fast it is".
"""

import sys

OPTIONS = (
    *("--interface", "wsgi", "--no-ws", "--blocking-threads", "4"),
    *("--respawn-failed-workers", "--workers-kill-timeout", "20"),
)
APPLICATION = "canvas_channels.wsgi:application"


def command(host: str, port: int) -> list[str]:
    """For a server that says only what is wrong."""
    where = ["--host", host, "--port", str(port), "--log-level", "warning"]
    return [sys.executable, "-m", "granian", *OPTIONS, *where, APPLICATION]
