"""What surrounds each job in a worker: the id of the request that asked for it, and its count."""

import time
from typing import Any

from procrastinate import JobContext
from procrastinate.middleware import AsyncCallNext
from procrastinate.worker import Worker

from canvas_channels.core.metrics import JOBS
from canvas_channels.core.request_id import ARGUMENT, REQUEST_ID


async def observe(call_next: AsyncCallNext, context: JobContext, worker: Worker) -> Any:
    """Procrastinate's worker middleware. A job runs in a context of its own, so the id ends with it."""
    job, outcome = context.job, "succeeded"
    REQUEST_ID.set(str(job.task_kwargs.pop(ARGUMENT, "")))
    started = time.perf_counter()
    try:
        return await call_next()
    except Exception as error:
        task = context.app.tasks.get(job.task_name)
        retried = task is not None and task.get_retry_exception(exception=error, job=job) is not None
        outcome = "retried" if retried else "failed"
        raise
    finally:
        JOBS.labels(job.task_name, outcome).observe(time.perf_counter() - started)
