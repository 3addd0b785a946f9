"""Querysets and inserts that are compiled once: for the few statements that most calls pay for.

Django compiles a queryset anew at each use, which costs more than PostgreSQL's work on a read by index. A
:class:`Statement` is written as a queryset, compiled at its first use, and from then on executed as it is;
with ``server_side_binding`` psycopg prepares it too. :func:`insert` does the same for a row.
"""

from collections.abc import Callable, Iterable
from copy import copy
from functools import cache, cached_property
from types import SimpleNamespace
from typing import Any, Generic, TypeVar, cast

from django.db import DEFAULT_DB_ALIAS, OperationalError, connections
from django.db.models import Field, Model, QuerySet
from django.db.models.base import ModelState
from django.db.models.query import ValuesListIterable
from django.db.models.sql import InsertQuery

Result = TypeVar("Result")
Instance = TypeVar("Instance", bound=Model)
Row = tuple[Any, ...]


class Statement(Generic[Result]):
    """A queryset with parameters.

    ``build`` takes a value for each parameter by name, and must use it as it is. ``samples`` are such
    values, each unlike anything else in the statement: by them the parameters' places are found.
    """

    def __init__(self, build: Callable[..., QuerySet[Any, Result]], **samples: Any) -> None:
        self._build = build
        self._samples = samples

    def fetch(self, **values: Any) -> list[Result]:
        """What the queryset yields with these values."""
        compiled = self._compiled
        return compiled.fetch([values[name] if name else constant for name, constant in compiled.places])

    def fetch_first(self, **values: Any) -> list[Result]:
        """The same, for the first statement of a request: it finds out whether the connection still lives.

        So Django's own check, a round trip of its own, is left out; where the server went away in the
        meantime, it is tried once more on a new connection.
        """
        connection: Any = connections[DEFAULT_DB_ALIAS]
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
    def _compiled(self) -> "_Compiled[Result]":
        return _Compiled(self._build(**self._samples), self._samples)


class _Compiled(Generic[Result]):
    """What is kept of a queryset: its SQL, and what Django's own iterables make of the rows."""

    def __init__(self, queryset: QuerySet[Any, Result], samples: dict[str, Any]) -> None:
        self._queryset: Any = queryset
        self._compiler = queryset.query.get_compiler(DEFAULT_DB_ALIAS)
        self._sql, params = self._compiler.as_sql()
        self._converters = self._compiler.get_converters(column for column, *_ in self._compiler.select or ())
        self._plain = queryset._iterable_class is ValuesListIterable and not self._converters
        names = {sample: name for name, sample in samples.items()}
        self.places = [(names.get(param), param) for param in params]
        if missing := samples.keys() - {name for name, _ in self.places}:
            raise TypeError(f"{missing} is not in {self._sql}")

    def fetch(self, params: list[Any]) -> list[Result]:
        connection = connections[DEFAULT_DB_ALIAS]
        cursor = _cursor(connection)
        cursor.execute(self._sql, params)
        rows = cursor.fetchall()
        if self._plain:
            return cast("list[Result]", rows)
        compiler: Any = copy(self._compiler)  # threads share this object
        compiler.connection = connection
        compiler.execute_sql = lambda *args, **kwargs: [rows]
        compiler.get_converters = lambda columns: self._converters
        queryset: Any = SimpleNamespace(
            db=DEFAULT_DB_ALIAS,
            query=_BoundQuery(self._queryset.query, compiler),
            _fields=self._queryset._fields,
            _known_related_objects={},
        )
        return list(self._queryset._iterable_class(queryset))


def _cursor(connection: Any) -> Any:
    """A cursor of Django's, made once for a connection: that costs as much as to send a statement.

    Django itself makes one for each statement, and sees then whether the connection still lives.
    """
    checked = connection.health_check_done or not connection.health_check_enabled
    if not checked or connection.connection is None or connection.queries_logged:
        return connection.cursor()
    of, cursor = vars(connection).get("_kept_cursor", (None, None))
    if of is not connection.connection:
        cursor = connection.cursor()
        connection._kept_cursor = connection.connection, cursor
    return cursor


class _BoundQuery:
    """A query whose compiler has done its work."""

    def __init__(self, query: Any, compiler: Any) -> None:
        self._query = query
        self._compiler = compiler

    def get_compiler(self, *args: Any, **kwargs: Any) -> Any:
        return self._compiler

    def __getattr__(self, name: str) -> Any:
        return getattr(self._query, name)


def read_in_part(model: type[Instance], fields: Iterable[str], values: Iterable[Any]) -> Instance:
    """``model.from_db`` for some of the fields (by their attributes' names), without a look at the others.

    Django reads those when they are asked for. No signals.
    """
    row = model.__new__(model)
    row._state = ModelState()
    row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS
    row.__dict__.update(zip(fields, values, strict=True))
    return row


def insert(*rows: Model) -> None:
    """``save(force_insert=True)`` for each, in one statement, but for signals and the models' own ``save``.

    Sets their keys. A row may refer to one before it.
    """
    connection: Any = connections[DEFAULT_DB_ALIAS]
    references = _references(rows) if len(rows) > 1 else {}
    sql = _insertion(tuple(map(type, rows)), tuple(references.items()))
    values = [
        field.get_db_prep_save(field.pre_save(row, add=True), connection)
        for at, row in enumerate(rows)
        for field in _inserted(type(row))
        if (at, field.attname) not in references
    ]
    cursor = _cursor(connection)
    cursor.execute(sql, values)
    for row, key in zip(rows, cursor.fetchone(), strict=True):
        row.pk = key
        row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS
    for (at, attname), referred in references.items():
        vars(rows[at])[attname] = rows[referred].pk


def _references(rows: tuple[Model, ...]) -> dict[tuple[int, str], int]:
    """Which columns, by their row's place and their name, refer to a row before it, by its place."""
    places = {id(row): at for at, row in enumerate(rows)}
    return {
        (at, field.attname): places[id(referred)]
        for at, row in enumerate(rows)
        for field in _inserted(type(row))
        if (referred := row._state.fields_cache.get(field.name)) is not None and id(referred) in places
    }


@cache
def _inserted(model: type[Model]) -> "list[Field[Any, Any]]":
    """All fields but the key, which PostgreSQL makes."""
    return [field for field in model._meta.local_concrete_fields if not field.primary_key]


@cache
def _insertion(models: tuple[type[Model], ...], references: tuple[tuple[tuple[int, str], int], ...]) -> str:
    referred = dict(references)
    inserts: list[str] = []
    keys: list[str] = []
    for at, model in enumerate(models):
        fields, meta = _inserted(model), cast(Any, model._meta)
        query = InsertQuery(model)
        query.insert_values(fields, [model()])
        compiler: Any = query.get_compiler(DEFAULT_DB_ALIAS)
        compiler.returning_fields = [meta.pk]
        [(sql, params)] = compiler.as_sql()
        start, *ends = sql.split("%s")
        assert len(params) == len(ends) == len(fields)  # noqa: S101 - none is an expression
        for field, end in zip(fields, ends, strict=True):
            place = referred.get((at, field.attname))
            start += ("%s" if place is None else keys[place]) + end
        inserts.append(start)
        keys.append(f'(SELECT "{meta.pk.column}" FROM "row{at}")')  # noqa: S608 - of names only
    if len(inserts) == 1:
        return inserts[0]
    named = ", ".join(f'"row{at}" AS ({sql})' for at, sql in enumerate(inserts))
    return f"WITH {named} SELECT {', '.join(keys)}"
