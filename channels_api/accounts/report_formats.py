"""A report as CSV or JSON, piece by piece."""

import csv
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any

import orjson

from canvas_channels.core.rest.errors import timestamp

Row = Iterable[Any]

CONTENT_TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json; charset=utf-8"}
PIECE = 100  # rows

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_E164 = re.compile(r"\+[1-9][0-9]{1,14}")


class _Echo:
    """A file whose ``write`` returns its argument, so that ``csv.writer.writerow`` returns the line."""

    def write(self, line: str) -> str:
        return line


def as_csv(header: Row, rows: Iterable[Row]) -> Iterator[str]:
    """Lines that end with a line feed, as Canvas's; no field is a formula to a spreadsheet."""
    writer = csv.writer(_Echo(), lineterminator="\n")
    yield str(writer.writerow(header))
    for piece in _pieces(rows):
        yield "".join(str(writer.writerow(map(harmless, row))) for row in piece)


def as_json(header: Row, rows: Iterable[Row]) -> Iterator[str]:
    """A list of rows, header first; values are strings, or null."""
    yield "[" + orjson.dumps(list(header)).decode()
    for piece in _pieces(rows):
        yield "".join("," + orjson.dumps([_text(value) for value in row]).decode() for row in piece)
    yield "]"


FORMATS = {"csv": as_csv, "json": as_json}


def harmless(value: object) -> str:
    """A CSV field; what a spreadsheet would take for a formula gets an apostrophe, but for E.164 numbers.

    The rule is OWASP's, "CSV injection".
    """
    text = _text(value) or ""
    return f"'{text}" if text.startswith(_FORMULA) and not _E164.fullmatch(text) else text


def _text(value: object) -> str | None:
    if isinstance(value, datetime):
        return timestamp(value)
    return None if value is None else str(value)


def _pieces(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Rows in lists: a web server sends each piece that it is given."""
    remaining = iter(rows)
    while piece := list(islice(remaining, PIECE)):
        yield piece
