"""A connection to the mail server (or provider) for each thread, kept from message to message.

Connecting, TLS and logging in cost more than a message. No message is ever sent again from here: whether a
kept connection is still alive is asked (``NOOP``) before anything is said on it, and what fails after that is
for the queue to repeat.
"""

import threading
import time
import weakref
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core.mail import get_connection
from django.core.mail.backends.smtp import EmailBackend

LONGEST_IDLE = 30.0  # seconds; beyond it a firewall may have forgotten the connection, and NOOP would hang
MOST_MESSAGES = 100  # a connection; many servers end it themselves not long after

_SETTINGS = (
    "EMAIL_BACKEND",
    "EMAIL_HOST",
    "EMAIL_PORT",
    "EMAIL_HOST_USER",
    "EMAIL_HOST_PASSWORD",
    "EMAIL_USE_TLS",
    "EMAIL_USE_SSL",
    "EMAIL_TIMEOUT",
    "ANYMAIL",
)


class _Mailer:
    """One thread's. ``made_for``: the settings that its backend was made with."""

    def __init__(self, made_for: list[Any]) -> None:
        self.made_for = made_for
        self.backend: Any = get_connection()
        self.messages = 0
        self.used_at = time.monotonic()
        weakref.finalize(self, _drop, self.backend)  # when the thread ends

    def is_fresh(self) -> bool:
        idle = time.monotonic() - self.used_at
        return self.messages < MOST_MESSAGES and idle < LONGEST_IDLE

    def is_alive(self) -> bool:
        connection = self.backend.connection if isinstance(self.backend, EmailBackend) else None
        if connection is None:
            return True
        try:
            return bool(connection.noop()[0] == 250)
        except OSError:  # SMTPException is one
            return False


_of_thread = threading.local()


def mailer() -> Any:
    """This thread's email backend, open. Raises what opening it raises."""
    wanted = [getattr(settings, name) for name in _SETTINGS]
    kept: _Mailer | None = getattr(_of_thread, "mailer", None)
    if kept is None or kept.made_for != wanted or not (kept.is_fresh() and kept.is_alive()):
        forget()
        kept = _of_thread.mailer = _Mailer(wanted)
    kept.backend.open()
    kept.messages += 1
    kept.used_at = time.monotonic()
    return kept.backend


def forget() -> None:
    """End this thread's connection: after a failure nobody knows what state it is in."""
    kept: _Mailer | None = getattr(_of_thread, "mailer", None)
    if kept is not None:
        del _of_thread.mailer
        with suppress(OSError):
            kept.backend.close()


def _drop(backend: Any) -> None:
    """Without a goodbye, for which a dead server would have to be waited for."""
    connection = getattr(backend, "connection", None)
    if connection is not None and isinstance(backend, EmailBackend):
        connection.close()
    else:
        with suppress(OSError):
            backend.close()
