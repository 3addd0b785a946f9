"""A worker that lives through a restart of the database.

procrastinate's own ends then (with status 0, so that a supervisor may leave it at that), or goes on with jobs
that it can no longer finish: what it could not write down stays ``doing`` for as long as it lives. So once a
statement's outcome is unknown, the worker finishes what runs, and another one takes its place in the process
under a new id; jobs left under the old id come back as those of any dead worker. A database that does not
answer is lost too, and what runs waits for it no longer. So is one where another worker took this one for
dead, as it does with those that it has not heard of for half a minute.
"""

import asyncio
import logging
import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
from procrastinate import App
from procrastinate.connector import BaseAsyncConnector, Notify
from procrastinate.contrib.django import utils
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.psycopg_connector import PsycopgConnector
from procrastinate.utils import utcnow

from canvas_channels.core import outages
from canvas_channels.core.constraints import constraint_of
from notifications.worker import connections
from notifications.worker.threads import give_threads

logger = logging.getLogger(__name__)

WAIT_SECONDS = 1.0  # before it tries a lost database again
# The pool doubles its waits between tries, for so long, and begins anew when it is asked again: by those
# that wait for a connection of it, once they have waited for as long as they may.
RECONNECT_SECONDS = 2.0
CONNECTION_SECONDS = 10.0
WATCH_SECONDS = 5.0  # between two looks at whether the database answers
ENDS = (signal.SIGTERM, signal.SIGINT)
IS_REGISTERED = "procrastinate_jobs_worker_id_fkey"  # whoever has a job


class WorkerConnector(PsycopgConnector):
    """Sets ``lost`` when the outcome of a statement is unknown; ``ends`` once its worker begins no job."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.lost = asyncio.Event()
        self.ends = False
        self._loop: asyncio.AbstractEventLoop | None = None

    async def open_async(self, pool: Any = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().open_async(pool)

    def lose(self) -> None:
        """Set ``lost`` from a job's thread."""
        assert self._loop is not None  # noqa: S101 - it has been opened
        self._loop.call_soon_threadsafe(self.lost.set)

    @contextmanager
    def _watching(self) -> Iterator[None]:
        try:
            yield
        except ConnectorException as error:
            if outages.is_outage(error) or constraint_of(error) == IS_REGISTERED:
                self.lost.set()
            raise

    async def execute_query_async(self, query: LiteralString, **arguments: Any) -> None:
        if retry_at := arguments.get("retry_at"):  # by this machine's clock; it is due by the database's
            arguments["retry_at"] = retry_at - utcnow()
            query = query.replace("%(retry_at)s", "now() + %(retry_at)s")
        with self._watching():
            await super().execute_query_async(query, **arguments)

    async def execute_query_one_async(self, query: LiteralString, **arguments: Any) -> dict[str, Any]:
        with self._watching():
            row: dict[str, Any] = await super().execute_query_one_async(query, **arguments)
            return row

    async def execute_query_all_async(self, query: LiteralString, **arguments: Any) -> list[dict[str, Any]]:
        with self._watching():
            rows: list[dict[str, Any]] = await super().execute_query_all_async(query, **arguments)
            return rows

    async def listen_notify(self, on_notification: Notify, channels: Iterable[str]) -> None:
        with self._watching():
            await super().listen_notify(on_notification, channels)

    async def watch(self) -> None:
        """Find out when the database does not answer: to take a connection asks it."""
        while not self.lost.is_set():
            await asyncio.sleep(WATCH_SECONDS)
            try:
                async with self.pool.connection():
                    pass
            except psycopg.OperationalError:
                self.lost.set()


class Connector(DjangoConnector):
    """Django's connection, and :class:`WorkerConnector` for a worker."""

    def get_worker_connector(self) -> BaseAsyncConnector:
        return WorkerConnector(
            pool_factory=connections.pool,
            kwargs=utils.connector_params(self.alias),
            configure=_configure,
            reconnect_timeout=RECONNECT_SECONDS,
            timeout=CONNECTION_SECONDS,
        )


async def _configure(connection: psycopg.AsyncConnection[Any]) -> None:
    """Jobs are taken one after the other, so none waits for the disk, nor for a BEGIN and a COMMIT.

    A database that crashes may forget who took or ended a job in its last second: it is done again, and
    finds on its row, which is written as safely as ever, what is left to do.
    """
    connections.remember(connection)
    await connection.set_autocommit(True)
    await connection.execute("SET synchronous_commit TO off")


def install(app: App) -> None:
    """Called by procrastinate when its app is made (``PROCRASTINATE_ON_APP_READY``)."""
    app.connector = app.job_manager.connector = Connector()
    middleware = app.worker_defaults.get("worker_middleware") or []
    app.worker_defaults["worker_middleware"] = [*middleware, give_threads]


async def run(
    app: App, *, wait: bool = True, shutdown_graceful_timeout: float | None = None, **options: Any
) -> None:
    """Work until told to stop, or where ``wait`` is false until nothing is left to do.

    Raises what ended a worker, but for the loss of the database. Jobs that run when it is told to stop have
    ``shutdown_graceful_timeout`` seconds to end; None: they may take their time.
    """
    connector = app.connector
    assert isinstance(connector, WorkerConnector)  # noqa: S101 - install() saw to it
    connections.remember_threads()
    told = asyncio.Event()
    for number in ENDS:
        asyncio.get_running_loop().add_signal_handler(number, _stop, told, shutdown_graceful_timeout)
    while not told.is_set():
        connector.lost.clear()
        connector.ends = False
        working = asyncio.create_task(
            app.run_worker_async(wait=wait, install_signal_handlers=False, **options)
        )
        await _first(
            working,
            asyncio.create_task(connector.watch()),
            asyncio.create_task(connector.lost.wait()),
            asyncio.create_task(told.wait()),
        )
        ended_itself = working.done()
        connector.ends = True
        working.cancel()  # it takes no job any more, and finishes those that run
        while not working.done():
            await asyncio.wait([working], timeout=connections.ANSWER_SECONDS)
            if connector.lost.is_set():
                connections.cut_waiting()
        [outcome] = await asyncio.gather(working, return_exceptions=True)
        if told.is_set():
            return
        if not connector.lost.is_set():
            if isinstance(outcome, BaseException):
                raise outcome
            if wait and ended_itself:
                raise RuntimeError("the worker ended by itself")
            return
        logger.warning("the worker was cut off; it starts again", extra={"action": "worker_cut_off"})
        await _first(asyncio.create_task(asyncio.sleep(WAIT_SECONDS)), asyncio.create_task(told.wait()))


def _stop(told: asyncio.Event, seconds: float | None) -> None:
    told.set()
    if seconds is not None:
        asyncio.get_running_loop().call_later(seconds, _end)


def _end() -> None:
    """End the process, which nothing else does to a thread that waits for a mail server.

    What it was doing comes back as the jobs of any dead worker.
    """
    logger.warning("the worker ends with jobs under way", extra={"action": "worker_cut_short"})
    logging.shutdown()
    os._exit(0)


async def _first(*tasks: "asyncio.Task[Any]") -> None:
    """Wait for one of them; all but the first given are given up then."""
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks[1:]:
        task.cancel()
