"""What ``check_push`` and ``check_email`` try, step by step, and what they say in plain words.

Each step asks the service that is configured, with the worker's own client and timeouts, and yields a
:class:`Finding`; nothing raises. No secret, code, token or full address is in a finding.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """``WARNING`` works, but not as well as it should; ``SKIPPED`` was not tried."""

    OK = "ok"
    SKIPPED = "skipped"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """``hint`` says what to do about it; "" where there is nothing to do."""

    level: Level
    step: str
    msg: str
    hint: str = ""


Findings = Iterator[Finding]


def ok(step: str, msg: str) -> Finding:
    return Finding(Level.OK, step, msg)


def skipped(step: str, msg: str) -> Finding:
    return Finding(Level.SKIPPED, step, msg)


def warning(step: str, msg: str, hint: str) -> Finding:
    return Finding(Level.WARNING, step, msg, hint)


def wrong(step: str, msg: str, hint: str) -> Finding:
    return Finding(Level.WRONG, step, msg, hint)
