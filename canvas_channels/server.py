"""The web server: ``python -m canvas_channels.server --host … --port … --workers …``, as granian has them.

The application is imported before granian forks its processes. They share the memory of what was imported,
one that died is replaced at once, and a malformed setting ends the start with one line.
"""

import sys
from importlib import import_module
from pathlib import Path

from granian.cli import cli

# Connections that say nothing, or not all of a request's head, cost memory only: many are allowed, and closed
# soon. HTTP/2 would let one connection bring hundreds of requests, and wait for its first byte without end.
OPTIONS = (
    *("--interface", "rsgi", "--loop", "uvloop", "--no-ws", "--http", "1", "--backlog", "2048"),
    *("--backpressure", "8192", "--http1-buffer-size", "65536", "--http1-header-read-timeout", "10000"),
    *("--respawn-failed-workers", "--workers-kill-timeout", "20"),
    *("--log-config", str(Path(__file__).with_name("operations") / "granian-log.json")),
)
MODULE = "canvas_channels.rsgi"


def command(host: str, port: int) -> list[str]:
    """For a server that says only what is wrong."""
    where = ["--host", host, "--port", str(port), "--log-level", "warning"]
    return [sys.executable, "-m", "canvas_channels.server", *where]


def main() -> None:
    """Options of the command line, and ``GRANIAN_…`` of the environment, add to ours."""
    import_module(MODULE)
    cli(
        [*OPTIONS, *sys.argv[1:], f"{MODULE}:application"],
        prog_name="python -m canvas_channels.server",
        auto_envvar_prefix="GRANIAN",
    )


if __name__ == "__main__":
    main()
