"""Ids: Canvas's own where they are free, else new ones."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from django.db import connection, models, transaction

from notifications.canvas_import.rows import SHARD, Row, Unfit


def of(rows: Iterable[Row]) -> Iterator[int]:
    """Those that rows have."""
    for row in rows:
        with suppress(Unfit):
            yield row.id("id")


def go_on_after(model: type[models.Model], ids: Iterable[int]) -> None:
    """Let the table's own ids go on after the highest of these, but for those of other shards.

    Nobody inserts meanwhile: so it cannot fall behind an id that was given in between.
    """
    highest = max((number for number in ids if number < SHARD), default=0)
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        sequence = _sequence(cursor, model)
        if _last(cursor, sequence) < highest:
            cursor.execute(f'LOCK TABLE "{model._meta.db_table}" IN SHARE ROW EXCLUSIVE MODE')
            if _last(cursor, sequence) < highest:
                cursor.execute("SELECT setval(%s, %s)", [sequence, highest])


def give(rows: Sequence[models.Model], wanted: Sequence[int | None]) -> list[bool]:
    """Give each of one model's rows the id that is wanted for it, or a new one; says which got theirs."""
    if not rows:
        return []
    model = type(rows[0])
    asked = [number for number in wanted if number is not None]
    taken = set(model._default_manager.filter(pk__in=asked).values_list("pk", flat=True))
    kept = [number is not None and number not in taken for number in wanted]
    new = iter(_new(model, kept.count(False)))
    for row, number, own in zip(rows, wanted, kept, strict=True):
        row.pk = number if own else next(new)
    return kept


def _new(model: type[models.Model], count: int) -> list[int]:
    with connection.cursor() as cursor:
        sequence = _sequence(cursor, model)
        cursor.execute("SELECT nextval(%s::regclass) FROM generate_series(1, %s)", [sequence, count])
        return [number for (number,) in cursor.fetchall()]


def _sequence(cursor: Any, model: type[models.Model]) -> str:
    cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [model._meta.db_table, model._meta.pk.column])
    [name] = cursor.fetchone()
    return str(name)


def _last(cursor: Any, sequence: str) -> int:
    cursor.execute("SELECT coalesce(pg_sequence_last_value(%s::regclass), 0)", [sequence])
    [number] = cursor.fetchone()
    return int(number)
