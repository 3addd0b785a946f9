"""Querysets that are compiled once, and rows written without an answer: for what most calls pay for.

Django compiles a queryset anew at each use, which costs more than PostgreSQL's work on a read by index. A
:class:`Statement` is written as a queryset, compiled at its first use, and from then on executed as it is;
with ``server_side_binding`` psycopg prepares it too. :func:`insert` and :func:`update` write a row as
``save`` does, *later* (``core.postgresql.trips``); :func:`insert_as_they_are` is for many rows at once. None
sends signals.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cache, cached_property
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, OperationalError
from django.db.models import BigIntegerField, Field, Func, Model, Q, QuerySet, Value
from django.db.models.base import ModelState
from django.db.models.sql import Query as ModelQuery

from canvas_channels.core.postgresql.trips import Named, Query, Row, trips

Instance = TypeVar("Instance", bound=Model)


class Statement:
    """A queryset with parameters, whose rows come as the database has them: tuples of its columns.

    ``build`` takes a value for each parameter by name, and must use it as it is. ``samples`` are such
    values, each unlike anything else in the statement: by them the parameters' places are found.
    """

    def __init__(self, build: Callable[..., QuerySet[Any, Any]], **samples: Any) -> None:
        self._build = build
        self._samples = samples

    def query(self, **values: Any) -> Query:
        sql, places = self._compiled
        return Query(sql, tuple([values[name] if name else constant for name, constant in places]))

    def fetch(self, **values: Any) -> list[Row]:
        """The rows with these values."""
        return trips().ask(self.query(**values))

    def fetch_first(self, **values: Any) -> list[Row]:
        """The same, for the first statement of a request: it finds out whether the connection still lives.

        So Django's own check, a round trip of its own, is left out; where the server went away in the
        meantime, it is tried once more on a new connection.
        """
        connection: Any = trips()
        fresh = connection.connection is None
        connection.health_check_done = True
        try:
            return self.fetch(**values)
        except OperationalError:
            if fresh or connection.in_atomic_block or not connection.connection.broken:
                raise
            connection.close()
            return self.fetch(**values)

    @cached_property
    def _compiled(self) -> tuple[str, list[tuple[str | None, Any]]]:
        sql, params = self._build(**self._samples).query.sql_with_params()
        names = {sample: name for name, sample in self._samples.items()}
        places = [(names.get(param), param) for param in params]
        if missing := self._samples.keys() - {name for name, _ in places}:
            raise TypeError(f"{missing} is not in {sql}")
        return sql, places


def condition(model: type[Model], rule: Q) -> str:
    """A rule about the model's rows as SQL, to be put into a statement with parameters of its own.

    Columns are named without their table, which may have any name in the statement; values are written out.
    """
    query = ModelQuery(model, alias_cols=False)
    sql, values = query.get_compiler(connection=trips()).compile(query.build_where(rule))
    return str(trips().ops.compose_sql(sql, values)).replace("%", "%%")


def read_in_part(model: type[Instance], fields: Iterable[str], values: Iterable[Any]) -> Instance:
    """``model.from_db`` for some of the fields (by their attributes' names), without a look at the others.

    Django reads those when they are asked for.
    """
    row = model.__new__(model)
    row._state = ModelState()
    row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS
    row.__dict__.update(zip(fields, values, strict=True))
    return row


def from_row(model: type[Instance], values: Sequence[Any]) -> Instance:
    """The row that a queryset of the model yields for these values of its columns."""
    names, converters = _columns(model)
    row = list(values)
    for at, field in converters:
        row[at] = field.from_db_value(row[at], None, trips())
    return model.from_db(DEFAULT_DB_ALIAS, names, row)


@cache
def _columns(model: type[Model]) -> tuple[list[str], list[tuple[int, Any]]]:
    fields = model._meta.concrete_fields
    converted = [(at, field) for at, field in enumerate(fields) if hasattr(field, "from_db_value")]
    return [field.attname for field in fields], converted


def width(model: type[Model]) -> int:
    """How many columns a queryset of the model yields."""
    return len(model._meta.concrete_fields)


class NextKey(Func):
    """A key for a row to be inserted, by which others can refer to it in the same trip."""

    template = "nextval(pg_get_serial_sequence(%(expressions)s))"
    output_field = BigIntegerField()

    def __init__(self, model: type[Model]) -> None:
        meta: Any = model._meta
        super().__init__(Value(f'"{meta.db_table}"'), Value(meta.pk.column))


def insert(*rows: Model, named: Named | None = None) -> None:
    """``save(force_insert=True)`` for each, but later, and for the models' own ``save``.

    A row without a key gets one that it does not learn of.
    """
    sql = _insertion(tuple((type(row), row.pk is not None) for row in rows))
    values: list[Any] = []
    for row in rows:
        values += _values(row, _inserted(type(row), row.pk is not None), add=True)
        row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS
    trips().later(Query(sql, tuple(values)), named)


def insert_as_they_are(rows: Sequence[Model]) -> None:
    """Insert rows of one model with the keys and times that they have, by COPY.

    No signals, and no ``save`` of its own. PostgreSQL makes the keys where the rows have none.
    """
    if not rows:
        return
    connection: Any = trips()
    meta, fields = rows[0]._meta, _inserted(type(rows[0]), rows[0].pk is not None)
    columns = ", ".join(f'"{field.column}"' for field in fields)
    with (
        connection.cursor() as cursor,
        connection.wrap_database_errors,
        cursor.copy(f'COPY "{meta.db_table}" ({columns}) FROM STDIN') as copy,
    ):
        for row in rows:
            values = [(field, getattr(row, field.attname)) for field in fields]
            copy.write_row([field.get_db_prep_save(value, connection) for field, value in values])


def update(row: Model, fields: Iterable[str], named: Named | None = None) -> None:
    """``save(update_fields=fields)``, but later, and for the model's own ``save``."""
    changed = [row._meta.get_field(name) for name in fields]
    sql = _change(type(row), tuple(changed))
    trips().later(Query(sql, (*_values(row, changed, add=False), row.pk)), named)


def _values(row: Model, fields: "Sequence[Any]", *, add: bool) -> list[Any]:
    connection = trips()
    return [field.get_db_prep_save(field.pre_save(row, add), connection) for field in fields]


@cache
def _inserted(model: type[Model], keyed: bool) -> "list[Field[Any, Any]]":
    """All fields; without the key where PostgreSQL is to make it."""
    return [field for field in model._meta.local_concrete_fields if keyed or not field.primary_key]


@cache
def _insertion(rows: tuple[tuple[type[Model], bool], ...]) -> str:
    """Several rows are one statement, which costs about as much as one of them."""
    *first, last = [_insert(model, _inserted(model, keyed)) for model, keyed in rows]
    named = ", ".join(f"row{at} AS ({sql})" for at, sql in enumerate(first))
    return f"WITH {named} {last}" if first else last


def _insert(model: type[Model], fields: "list[Field[Any, Any]]") -> str:
    names = ", ".join(f'"{field.column}"' for field in fields)
    places = ", ".join(["%s"] * len(fields))
    return f'INSERT INTO "{model._meta.db_table}" ({names}) VALUES ({places})'  # noqa: S608 - of names only


@cache
def _change(model: type[Model], fields: tuple[Any, ...]) -> str:
    changes = ", ".join(f'"{field.column}" = %s' for field in fields)
    meta: Any = model._meta
    return f'UPDATE "{meta.db_table}" SET {changes} WHERE "{meta.pk.column}" = %s'  # noqa: S608
