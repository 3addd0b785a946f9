"""Waiting for what machines do."""

import time
from collections.abc import Callable
from typing import Any

import psycopg

SECONDS = 120  # on a busy machine


def wait_for(what: str, found: Callable[[], Any]) -> None:
    """Until it is found; what cannot be asked yet counts as not found."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            if found():
                return
        except (OSError, psycopg.OperationalError):
            pass
        assert time.monotonic() < deadline, f"{what}: not in time"
        time.sleep(0.05)
