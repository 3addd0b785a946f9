"""Which errors mean that the database is away, whatever it was that failed: the request may be tried again.

It cannot be reached, has no connection left, stops or fails over, is read-only or full, or does not answer in
time. The view or middleware that answers the request says so with a 503, and logs one line.
"""

import logging
import time
from collections.abc import Iterator

import psycopg
from django.db import InterfaceError, OperationalError, connection

logger = logging.getLogger(__name__)

# https://www.postgresql.org/docs/current/errcodes-appendix.html: read_only_sql_transaction, and the timeouts
# of a session and of a transaction, which psycopg does not count among its operational errors.
AWAY = {"25006", "25P03", "25P04"}
DISK_FULL = "53100"
DISK_FULL_SECONDS = 60.0  # that a process remembers it where no change is tried
# program_limit_exceeded: the statement is at fault, today and tomorrow.
AT_FAULT = "54"

_disk_full_at: float | None = None


def is_outage(error: BaseException | None) -> bool:
    """Whether an error is, or follows from, the database being away."""
    return _outage_in(error) is not None


def reason(error: BaseException | None) -> str | None:
    """Why the database is away, in one line: where it was looked for, or that it refused the password."""
    found = _outage_in(error)
    return None if found is None else str(found).partition("\n")[0]


def reported(error: BaseException | None) -> bool:
    """:func:`is_outage`; logs one line if so, and has the next request connect anew.

    That one may be led to another server: a connection to what is read-only now would stay so.
    """
    found = _outage_in(error)
    if found is None:
        return False
    extra = {"reason": reason(found), "sqlstate": _sqlstate(found)}
    if extra["sqlstate"] == DISK_FULL:
        _remember_disk(time.monotonic())
    logger.error("the database is away", extra={"action": "database_away", **extra})
    connection.close_at = 0.0
    return True


def disk_is_full() -> bool:
    """Whether this process had a change refused for that in ``DISK_FULL_SECONDS``, and made none since."""
    return _disk_full_at is not None and time.monotonic() - _disk_full_at < DISK_FULL_SECONDS


def change_was_made() -> None:
    """There is room on the disk."""
    if _disk_full_at is not None:
        _remember_disk(None)


def _remember_disk(full_at: float | None) -> None:
    global _disk_full_at
    _disk_full_at = full_at


class WithoutUnavailable(logging.Filter):
    """Drops what Django logs of a 503, with a traceback: why was logged where it is answered."""

    def filter(self, record: logging.LogRecord) -> bool:
        return getattr(record, "status_code", None) != 503


def _outage_in(error: BaseException | None) -> BaseException | None:
    return next((one for one in _chain(error) if _says_away(one)), None)


def _says_away(error: BaseException) -> bool:
    sqlstate = _sqlstate(error)
    if sqlstate in AWAY:
        return True
    kinds = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)
    return isinstance(error, kinds) and not sqlstate.startswith(AT_FAULT)


def _sqlstate(error: BaseException) -> str:
    """Of Django's error, or of psycopg's; empty where the server said none."""
    state = getattr(error, "sqlstate", None) or getattr(error.__cause__, "sqlstate", None)
    return state if isinstance(state, str) else ""


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and those that it follows from, as a traceback shows them."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
