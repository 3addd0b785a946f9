"""Django's PostgreSQL backend, whose waits are bounded.

``ANSWER_SECONDS`` of a database's settings is how long a statement waits for its answer: the server's own
timeouts end no statement of a server that has stopped, and keepalives are answered by its kernel.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import psycopg
from django.db.backends.postgresql import schema
from psycopg.abc import PQGen
from psycopg.pq import PipelineStatus, TransactionStatus

from canvas_channels.core.postgresql.trips import Trips

MIGRATION_LOCK = "2s"
# Indexes whose building was cut short and is not under way again. They serve no query, and keep their names.
UNFINISHED = """
SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
WHERE NOT indisvalid AND relkind = 'i' AND pg_table_is_visible(indexrelid)
  AND indrelid NOT IN (SELECT relid FROM pg_stat_progress_create_index WHERE relid IS NOT NULL)
"""


class Connection(psycopg.Connection[Any]):
    """Closed once the server has not answered in ``answer_seconds``; None waits for ever.

    A COMMIT that the server ended without the standby it should wait for is an error: it says success, with a
    warning, and the change is lost if it fails now.
    """

    answer_seconds: float | None = None
    _gathers = False
    _not_replicated = False

    @contextmanager
    def together(self) -> Iterator[None]:
        """A pipeline whose statements are sent once all of them are there.

        psycopg's own sends each at once, and first waits until it may: a turn of this thread, and one of the
        server's process, for each.
        """
        with self.pipeline() as pipeline:
            queue = pipeline.command_queue

            def send_all() -> None:
                while queue:
                    queue.popleft()()

            self._gathers = True
            try:
                yield
            finally:
                self._gathers = False
                queue.appendleft(send_all)

    def wait(self, gen: PQGen[Any], *arguments: Any, **options: Any) -> Any:
        if self._gathers:
            next(gen)  # the statement is in the pipeline's queue; going on would send it
            gen.close()
            return None
        result = self._wait(gen, *arguments, **options)
        if self.pgconn.pipeline_status == PipelineStatus.OFF:
            self.check_replicated()
        return result

    def check_replicated(self) -> None:
        """Raises where the last COMMIT was no success; a pipeline's can be looked at once it is over."""
        if self._not_replicated:
            self._not_replicated = False
            raise psycopg.OperationalError("committed here, and on no standby yet")

    @property
    def is_idle(self) -> bool:
        """Whether no transaction has begun."""
        return self.pgconn.transaction_status == TransactionStatus.IDLE

    def hear(self, notice: psycopg.errors.Diagnostic) -> None:
        """A notice of the server's, whose words are in its own language."""
        if notice.source_function == "SyncRepWaitForLSN":
            self._not_replicated = True

    def _wait(self, gen: PQGen[Any], *arguments: Any, **options: Any) -> Any:
        if self.answer_seconds is None or arguments or options:
            return super().wait(gen, *arguments, **options)
        try:
            return super().wait(gen, timeout=self.answer_seconds)
        except psycopg.OperationalError as error:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:  # its answer may come yet
                self.close()
                message = f"the database did not answer within {self.answer_seconds:g} s"
                raise psycopg.OperationalError(message) from error
            raise


class Driver:
    """psycopg, but for its connections."""

    connect = staticmethod(Connection.connect)

    def __getattr__(self, name: str) -> Any:
        return getattr(psycopg, name)


class SchemaEditor(schema.DatabaseSchemaEditor):
    """Has migrations wait for a table's lock for a moment only: all who come later wait behind them.

    Not where they run outside a transaction: what builds an index concurrently keeps nobody waiting. Such a
    migration may have been cut short; it is begun anew then.
    """

    sql_create_index_concurrently = schema.DatabaseSchemaEditor.sql_create_index_concurrently.replace(
        "CONCURRENTLY", "CONCURRENTLY IF NOT EXISTS"
    )

    def __enter__(self) -> Self:
        super().__enter__()
        if not self.collect_sql:
            if self.atomic_migration:
                self.execute(f"SET LOCAL lock_timeout = '{MIGRATION_LOCK}'")
            else:
                self._drop_unfinished()
        return self

    def _drop_unfinished(self) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(UNFINISHED)
            names = [name for (name,) in cursor.fetchall()]
        for name in names:
            self.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


class DatabaseWrapper(Trips):
    Database = Driver()  # type: ignore[assignment]
    SchemaEditorClass = SchemaEditor

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        connection = super().get_new_connection(conn_params)
        connection.answer_seconds = self.settings_dict.get("ANSWER_SECONDS")
        connection.add_notice_handler(connection.hear)
        return connection
