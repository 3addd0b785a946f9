"""What is counted, and under which names: the Prometheus metrics of web processes and workers.

Each process counts for itself. Several web processes behind one port are counted together where
``PROMETHEUS_MULTIPROC_DIR`` names a folder that they share (the library reads it by itself, at import).
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import Counter, Histogram

if _folder := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
    Path(_folder).mkdir(parents=True, exist_ok=True)

_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

REQUESTS = Histogram(
    "canvas_channels_request_seconds",
    "Requests, by the pattern of their path, their method and the status of the answer.",
    ["route", "method", "status"],
    buckets=_SECONDS,
)
JOBS = Histogram(
    "canvas_channels_job_seconds",
    "Tries of jobs; the outcome is succeeded, retried (it will be tried again) or failed (for good).",
    ["task", "outcome"],
    buckets=_SECONDS,
)
DELIVERIES = Histogram(
    "canvas_channels_delivery_seconds",
    "Calls that deliver, by kind (email, sms, push); the outcome is delivered, passing, ours (the service "
    "refuses us: tried again, and the operator's to mend) or permanent.",
    ["kind", "outcome"],
    buckets=_SECONDS,
)
BOUNCES = Counter(
    "canvas_channels_bounces",
    "What providers reported of emails: permanent, transient, suppression, complaint or delivery.",
    ["kind"],
)
STALLED = Counter("canvas_channels_stalled_jobs", "Jobs of dead workers that came back.", ["task"])


@contextmanager
def delivery(kind: str) -> Iterator[None]:
    """Count one; as a decorator too. An error says by ``permanent`` whether trying again can help."""
    started, outcome = time.perf_counter(), "delivered"
    try:
        yield
    except Exception as error:
        ours = "ours" if getattr(error, "ours", False) else "passing"
        outcome = "permanent" if getattr(error, "permanent", False) else ours
        raise
    finally:
        DELIVERIES.labels(kind, outcome).observe(time.perf_counter() - started)
