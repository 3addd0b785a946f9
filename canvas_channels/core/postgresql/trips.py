"""Statements that go to the server together: one round trip where each alone would be one.

A wait for PostgreSQL costs two processes a wake-up, and every thread its turn with Python's lock. So a
transaction says *ahead* what it will ask for once its first statement is answered, and *later* what it writes
and needs no answer to: that goes with the next statement, or with the COMMIT. Neither changes what is done,
nor in which order; both are psycopg's pipelines.
"""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple, cast

import psycopg
from django.db import DEFAULT_DB_ALIAS, Error, IntegrityError, connections
from django.db.backends.postgresql import base

from canvas_channels.core.constraints import constraint_of

Row = tuple[Any, ...]
_SURROGATE = re.compile("[\ud800-\udfff]")
Named = Mapping[str, Callable[[], Exception]]
"""By the name of a constraint, the error that is raised where it is broken."""


class Query(NamedTuple):
    sql: str
    params: tuple[Any, ...] = ()


class Trips(base.DatabaseWrapper):
    """Django's backend, with :meth:`ask`, :meth:`ahead` and :meth:`later` beside its cursors.

    Whatever takes a cursor (the ORM) first has sent what is due, and forgets what was asked ahead.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._ahead: list[Query] = []
        self._answers: list[tuple[Query, list[Row]]] = []
        self._later: list[tuple[Query, Named]] = []

    def ask(self, query: Query) -> list[Row]:
        """The rows that a statement yields, which may be here already."""
        for at, (known, rows) in enumerate(self._answers):
            if known == query:
                del self._answers[: at + 1]
                self._ahead.clear()
                return rows
        ahead, self._ahead = self._ahead, []
        rows, *others = self._send([query, *ahead])
        self._answers = list(zip(ahead, others, strict=True))
        return rows

    def ahead(self, *queries: Query) -> None:
        """What will be asked for after the next statement, and sent with it; in a transaction only.

        A guess: answers that nobody asks for, or that a change comes before, are thrown away.
        """
        sent = self.in_atomic_block and all(map(_can_be_sent, queries))
        self._ahead = list(queries) if sent else []

    def later(self, query: Query, named: Named | None = None) -> None:
        """Send a statement with the next one, at the latest with the COMMIT; errors come then."""
        self._answers.clear()
        self._later.append((query, named or {}))
        if not self.in_atomic_block:
            self.send_later()

    def send_later(self) -> None:
        """Send what is due; raises its errors."""
        if self._later:
            self._send([])

    def _send(self, queries: list[Query], *, commit: bool = False) -> list[list[Row]]:
        """The rows of each statement, after what is due; in one round trip."""
        due, self._later = self._later, []
        together = [*(query for query, _ in due), *queries]
        self.close_if_health_check_failed()
        self.ensure_connection()
        self.validate_no_broken_transaction()

        def run(*_: object) -> Any:
            return self._run(together, commit=commit)

        for wrapper in reversed(self.execute_wrappers):
            run = partial(wrapper, run)
        sql, params = "; ".join([query.sql for query in together]), [query.params for query in together]
        try:
            with self.wrap_database_errors:
                found = run(sql, params, True, {"connection": self})
        except IntegrityError as error:
            constraint = constraint_of(error) or ""
            for _, named in due:
                if constraint in named:
                    raise named[constraint]() from error
            raise
        return cast("list[list[Row]]", found[len(due) :])

    def _run(self, queries: list[Query], *, commit: bool) -> list[list[Row]]:
        connection: Any = self.connection
        if self.queries_logged:
            self.queries_log.extend({"sql": self.ops.compose_sql(*query), "time": "0"} for query in queries)
        begins = (self.in_atomic_block or commit) and connection.is_idle
        if len(queries) == 1 and not commit and not begins:
            return [_rows(connection.execute(*queries[0]))]
        if begins and connection.isolation_level is None:
            connection.autocommit = True  # else psycopg waits for a BEGIN of its own
        before = [Query("BEGIN")] if begins and connection.autocommit else []
        after = [Query("COMMIT")] if commit else []
        cursors = _piped(connection, [*before, *queries, *after])
        connection.check_replicated()
        return [_rows(cursor) for cursor in cursors[len(before) :][: len(queries)]]

    def create_cursor(self, name: str | None = None) -> Any:
        self.send_later()
        self._ahead.clear()
        self._answers.clear()
        return super().create_cursor(name)

    def savepoint_commit(self, sid: str) -> None:
        try:
            self.send_later()
        except BaseException:
            self.savepoint_rollback(sid)
            raise
        super().savepoint_commit(sid)

    def savepoint_rollback(self, sid: str) -> None:
        self._forget()  # all of it came after the savepoint, which had sent what was due
        super().savepoint_rollback(sid)

    def commit(self) -> None:
        if self._later:
            try:
                self._send([], commit=True)
            except BaseException:
                with suppress(Error):
                    self.rollback()
                raise
        self._forget()
        super().commit()  # which finds nothing to do if that was sent

    def rollback(self) -> None:
        self._forget()
        super().rollback()

    def close(self) -> None:
        self._forget()
        super().close()

    def _forget(self) -> None:
        self._ahead, self._answers, self._later = [], [], []


def trips() -> Trips:
    """This thread's connection."""
    return cast(Trips, connections[DEFAULT_DB_ALIAS])


def _can_be_sent(query: Query) -> bool:
    """What cannot is refused once it is asked for."""
    texts = [param for param in query.params if isinstance(param, str)]
    return not any("\x00" in text or _SURROGATE.search(text) for text in texts)


def _piped(connection: Any, queries: list[Query]) -> list[Any]:
    """A cursor for each, executed in one pipeline. Raises the first error, none that only follows from it."""
    try:
        with connection.together():
            return [connection.execute(*query) for query in queries]
    except psycopg.errors.PipelineAborted as error:
        first: BaseException = error
        while isinstance(first, psycopg.errors.PipelineAborted) and isinstance(
            first.__context__, psycopg.Error
        ):
            first = first.__context__
        raise first from None


def _rows(cursor: Any) -> list[Row]:
    """None of a statement without columns, which ``description`` would say too, with an object for each."""
    return cast("list[Row]", cursor.fetchall()) if cursor.pgresult.nfields else []
