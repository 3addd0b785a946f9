"""As many threads in a worker as it does jobs at once (``WORKER_CONCURRENCY``)."""

import asyncio
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from procrastinate.job_context import JobContext
from procrastinate.middleware import AsyncCallNext
from procrastinate.worker import Worker

# Seconds. Python's own 5 ms is what each answer of the database to the queue's loop would wait for, while
# the threads that do the jobs are busy.
SWITCH_INTERVAL = 0.0005

_served: "weakref.WeakSet[Worker]" = weakref.WeakSet()


async def give_threads(call_next: AsyncCallNext, _context: JobContext, worker: Worker) -> Any:
    """Jobs run in asyncio's default threads: four more than cores, whatever concurrency is asked for."""
    if worker not in _served:
        _served.add(worker)
        threads = ThreadPoolExecutor(worker.concurrency, thread_name_prefix="job")
        asyncio.get_running_loop().set_default_executor(threads)
        sys.setswitchinterval(SWITCH_INTERVAL)
    return await call_next()
