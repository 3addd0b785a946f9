"""CSV as spreadsheets write it."""

import csv
from collections.abc import Iterable, Iterator

from canvas_channels.core.trimming import trim

_MARK = "\ufeff"  # a byte order mark


class BadCsv(ValueError):
    """It cannot be read as CSV; the text says where and why."""


def filled_rows(lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """The rows that hold anything, each with the number of its last line. Raises :class:`BadCsv`.

    A spreadsheet may write rows of separators alone where somebody emptied cells.
    """
    reader = csv.reader(_without_mark(lines), strict=True)
    last = 0  # the end of the row before: a quote that is never closed takes in the rest of the file
    try:
        for cells in reader:
            last = reader.line_num
            if any(trim(cell) for cell in cells):
                yield last, cells
    except csv.Error as error:
        raise BadCsv(f"near line {last}: {error}") from error


def _without_mark(lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield line if number else line.removeprefix(_MARK)
