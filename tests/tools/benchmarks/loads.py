"""Puts one load on one server, by wrk."""

import json
import os
import subprocess
import sys
import zlib
from pathlib import Path

from tests.tools.benchmarks.seed import TOKENS
from tests.tools.benchmarks.servers import Server

SCRIPT = Path(__file__).with_name("load.lua")

Figures = dict[str, float]


def load(server: Server, action: str, connections: int, seconds: int, round_: int) -> Figures:
    """One run of wrk; CPU is the server's own, in seconds per 1,000 requests."""
    once = f"{server.port}.{connections}.{round_}"  # makes the addresses new
    seed = str(zlib.crc32(once.encode()))  # else some users would soon have as many channels as they may
    environ = {"TOKENS": str(TOKENS), "ACTION": action, "ROUND": once, "SEED": seed}
    before = server.cpu_seconds()
    wrk = [
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{seconds}s",
        "--timeout",
        "10s",
        "-s",
        str(SCRIPT),
        server.url,
    ]
    output = subprocess.run(
        wrk, env=os.environ | environ, capture_output=True, text=True, timeout=seconds + 60, check=True
    ).stdout
    [line] = [line for line in output.splitlines() if line.startswith("RESULT ")]
    result = json.loads(line.removeprefix("RESULT "))
    if result["errors"]:
        sys.exit(f"{server.name}: {result['errors']} of {result['requests']} answers to {action} were errors")
    return {
        "rps": result["requests"] / result["seconds"],
        "p50": result["p50"],
        "p99": result["p99"],
        "cpu": 1000 * (server.cpu_seconds() - before) / result["requests"],
    }
