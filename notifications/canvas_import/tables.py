"""Files of Canvas's tables, as CSV or as JSON lines, perhaps compressed by gzip.

They are the Data Access Platform's, whose columns are called ``key.id`` and ``value.name`` in CSV and whose
lines of JSON hold an object ``key`` and an object ``value``; or plain ones, whose columns are the table's.
"""

import gzip
import zlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from typing import IO, Any, cast

import orjson

from canvas_channels.core import json_text
from channels_api.accounts.csv_rows import BadCsv, filled_rows
from notifications.canvas_import.rows import Row, SourceFailed

_GZIP = b"\x1f\x8b"


class TableFile:
    """One file of a table; of its columns only ``columns`` are kept."""

    def __init__(self, path: Path, columns: Collection[str]) -> None:
        self.path = path
        self._columns = frozenset(columns)
        self._file: BufferedReader | None = None
        self._size = 1

    def fraction(self) -> float:
        """How much of the file is read, from 0 to 1."""
        return min(1.0, self._file.tell() / self._size) if self._file and not self._file.closed else 0.0

    def header(self) -> list[str]:
        """The columns that a CSV file has; none for JSON lines. Raises :class:`SourceFailed`."""
        with self._opened() as lines:
            first = next(iter(lines), "")
            if first.lstrip().startswith("{"):
                return []
            _, names = next(filled_rows([first]), (0, []))
            return [_plain(name) for name in names]

    def rows(self) -> Iterator[Row]:
        """Each row; one that cannot be read has no values. Raises :class:`SourceFailed`."""
        with self._opened() as lines:
            first = next(iter(lines), "")
            both = _again(first, lines)
            yield from self._objects(both) if first.lstrip().startswith("{") else self._cells(both)

    def _objects(self, lines: Iterable[str]) -> Iterator[Row]:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                value = json_text.loads(line.encode())
            except orjson.JSONDecodeError:
                value = None
            yield self._row(number, _flat(value) if isinstance(value, dict) else {})

    def _cells(self, lines: Iterable[str]) -> Iterator[Row]:
        found = filled_rows(lines)
        _, names = next(found, (0, []))
        columns = [_plain(name) for name in names]
        for number, cells in found:
            values = zip(columns, cells, strict=True) if len(cells) == len(columns) else ()
            yield self._row(number, dict(values))

    def _row(self, number: int, values: dict[str, Any]) -> Row:
        kept = {
            name: value
            for name, value in values.items()
            if name in self._columns and value is not None and value != ""
        }
        return Row(kept, f"{self.path.name}:{number}", deleted=values.get("meta.action") == "D")

    @contextmanager
    def _opened(self) -> Iterator[TextIOWrapper]:
        """The file's lines; whatever is wrong with it while they are read is a :class:`SourceFailed`."""
        try:
            self._size = max(1, self.path.stat().st_size)
            with self.path.open("rb") as self._file:
                compressed = self._file.peek(2)[:2] == _GZIP
                with gzip.open(self._file) if compressed else nullcontext(self._file) as plain:
                    yield TextIOWrapper(cast(IO[bytes], plain), "utf-8-sig", newline="")
        except UnicodeDecodeError as error:
            raise SourceFailed(f"{self.path} cannot be read: it is not in UTF-8") from error
        except (OSError, EOFError, zlib.error, BadCsv) as error:
            why = getattr(error, "strerror", None) or error
            raise SourceFailed(f"{self.path} cannot be read: {why}") from error


def _again(first: str, lines: Iterable[str]) -> Iterator[str]:
    yield first
    yield from lines


def _plain(name: str) -> str:
    """A column's own name: that of ``key.id`` is ``id``."""
    name = name.strip()
    prefix, _, rest = name.partition(".")
    return rest if prefix in {"key", "value"} else name


def _flat(value: dict[str, Any]) -> dict[str, Any]:
    parts = [value.get(name) for name in ("key", "value")]
    if not isinstance(parts[0], dict):
        return value
    meta = value.get("meta")
    action = meta.get("action") if isinstance(meta, dict) else None
    found: dict[str, Any] = {"meta.action": action}
    for part in parts:
        found |= part if isinstance(part, dict) else {}
    return found
