"""Deliveries that are under way together: what they wait for in threads, all else in the job's own thread.

So a job's database connection serves all of them, and SNS is asked for many at once.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache, partial
from queue import SimpleQueue
from typing import Any, NamedTuple

from django.conf import settings
from django.db import Error

Call = Callable[[], Any]
# Yields calls that wait for SNS and touch no database; is sent what each returns, or thrown what it raises.
Steps = Generator[Call, Any, Any]


class Outcome(NamedTuple):
    """What a delivery returned, or raised."""

    result: Any = None
    error: Exception | None = None


def run(deliveries: Iterable[tuple[int, Steps]], go_on: Callable[[], bool]) -> Iterator[tuple[int, Outcome]]:
    """The outcome of each as it ends. The first is always begun; the others while ``go_on`` says so.

    Raises a database's error: it is no delivery's own.
    """
    ended: SimpleQueue[tuple[int, Steps, Future[Any]]] = SimpleQueue()
    waiting = 0

    def advance(row_id: int, steps: Steps, call: "Future[Any] | None" = None) -> Outcome | None:
        """None: it waits for its next call."""
        try:
            error = call.exception() if call else None
            following = steps.throw(error) if error else steps.send(call.result() if call else None)
        except StopIteration as end:
            return Outcome(end.value)
        except Error:
            raise
        except Exception as raised:
            return Outcome(error=raised)
        asked = _threads().submit(following)
        asked.add_done_callback(lambda done: ended.put((row_id, steps, done)))
        return None

    for number, (row_id, steps) in enumerate(deliveries):
        if number and not go_on():
            break
        if outcome := advance(row_id, steps):
            yield row_id, outcome
        else:
            waiting += 1
    while waiting:
        row_id, steps, done = ended.get()
        if outcome := advance(row_id, steps, done):
            waiting -= 1
            yield row_id, outcome


def each(deliver: Callable[[int], None]) -> Callable[[Iterable[int]], list[tuple[int, Steps]]]:
    """The steps of rows that are delivered one after the other, each in one."""
    return lambda row_ids: [(row_id, _whole(partial(deliver, row_id))) for row_id in row_ids]


def _whole(deliver: Call) -> Steps:
    yield from ()
    return deliver()


@cache
def _threads() -> ThreadPoolExecutor:
    """The process's: twice as many as it does jobs at once, so that each has some."""
    return ThreadPoolExecutor(2 * settings.WORKER_CONCURRENCY, thread_name_prefix="call")
