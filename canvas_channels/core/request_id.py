"""The id of the request that is being answered: in its answer, on each line of the log, and in its jobs."""

import logging
import re
from contextvars import ContextVar
from os import urandom
from typing import Any

from django.conf import settings

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")  # "": neither a request nor its job

ARGUMENT = "request_id"  # beside a job's own arguments, which are ids only

_is_well_formed = re.compile(r"[A-Za-z0-9._:=+/-]{1,64}").fullmatch


def of(environ: dict[str, Any]) -> str:
    """A request's: a proxy's ``X-Request-Id`` is taken over where ``TRUST_PROXY_HEADERS`` is on."""
    return choose(environ.get("HTTP_X_REQUEST_ID") if settings.TRUST_PROXY_HEADERS else None)


def choose(given: str | None) -> str:
    """What a trusted proxy gave, where it cannot forge a line of a log; else one of our own."""
    return given if given and _is_well_formed(given) else urandom(16).hex()


def as_argument() -> dict[str, Any]:
    """The argument by which it follows into a job; none outside of a request.

    The worker takes it out again (``operations.jobs``), so that no task has to know of it.
    """
    request_id = REQUEST_ID.get()
    return {ARGUMENT: request_id} if request_id else {}


class RequestIdFilter(logging.Filter):
    """Puts it on each record; the queue's own lines around a job have it from the job's arguments."""

    def filter(self, record: logging.LogRecord) -> bool:
        request_id = REQUEST_ID.get() or _of_job(getattr(record, "job", None))
        if request_id:
            record.request_id = request_id
        return True


def _of_job(job: Any) -> str:
    return str(job.get("task_kwargs", {}).get(ARGUMENT, "")) if isinstance(job, dict) else ""
