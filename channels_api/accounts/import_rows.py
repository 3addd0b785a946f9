"""The rows of a bulk create: reading them from CSV or JSON. What one row lacks is that row's failure."""

from collections.abc import Iterable, Iterator
from io import StringIO
from typing import Any

from canvas_channels.core.rest.params import boolean, text
from canvas_channels.core.trimming import trim
from channels_api.accounts.csv_rows import BadCsv, filled_rows
from channels_api.errors import InvalidValue, Reason

MAX_ROWS = 10_000
NAMES = ("user_id", "sis_user_id", "login_id")  # a row has at least one, and all that it has must fit
COLUMNS = (*NAMES, "type", "address", "skip_confirmation")
_PREFIXES = {"user_id": "", "sis_user_id": "sis_user_id:", "login_id": "sis_login_id:"}

CSV_PARAMETER = "attachment"  # as in Canvas's other imports
JSON_PARAMETER = "communication_channels"

Row = dict[str, Any]


def read_rows(params: dict[str, Any], limit: int | None = MAX_ROWS) -> list[Row]:
    """The rows of a request's parameters, each as :func:`_row` makes them.

    ``limit`` None: any number. Raises :class:`InvalidValue` for what cannot be read as rows at all.
    """
    if CSV_PARAMETER in params:
        attribute, found = CSV_PARAMETER, _csv_rows(text(params[CSV_PARAMETER]) or "")
    else:
        attribute, found = JSON_PARAMETER, _json_rows(params.get(JSON_PARAMETER))
    rows = []
    for row in found:
        rows.append(row)
        if limit is not None and len(rows) > limit:
            raise InvalidValue(attribute, Reason.TOO_MANY, f"has more than {limit} rows")
    if not rows:
        raise InvalidValue(attribute, Reason.BLANK, "has no rows")
    return rows


def _csv_rows(content: str) -> Iterator[Row]:
    rows = filled_rows(StringIO(content, newline=""))
    try:
        _, first = next(rows, (0, []))
        header = [trim(column).lower() for column in first]
        _check_header(header)
        for _, cells in rows:
            fits = len(cells) == len(header)
            yield _row(zip(header, cells, strict=True)) if fits else _malformed("cells", Reason.WRONG_NUMBER)
    except BadCsv as error:
        raise InvalidValue(CSV_PARAMETER, Reason.INVALID, str(error)) from error


def _check_header(header: list[str]) -> None:
    unknown = [column for column in header if column not in COLUMNS]
    if unknown or len(set(header)) < len(header) or not set(header) & set(NAMES):
        words = f"must name columns, each once, of {', '.join(COLUMNS)} on its first line"
        raise InvalidValue(CSV_PARAMETER, Reason.INVALID, words)


def _json_rows(rows: object) -> Iterator[Row]:
    if rows is None:
        raise InvalidValue(JSON_PARAMETER, Reason.BLANK, "can't be blank")
    if not isinstance(rows, list):
        raise InvalidValue(JSON_PARAMETER, Reason.INVALID, "must be a list of objects")
    for row in rows:
        yield _row(row.items()) if isinstance(row, dict) else _malformed("row", Reason.INVALID)


def _row(cells: Iterable[tuple[str, Any]]) -> Row:
    """What to do: ``users`` are names as a path's ``:user_id`` has them; all else as a create takes it."""
    values = {column: trim(text(value) or "") for column, value in cells}
    if any("\x00" in value for value in values.values()):
        return _malformed("row", Reason.NUL_CHARACTER)
    names = [(column, values[column]) for column in NAMES if values.get(column)]
    return {
        "users": [_PREFIXES[column] + value for column, value in names],
        "type": values.get("type"),
        "address": values.get("address"),
        "skip_confirmation": boolean(values.get("skip_confirmation")),
    }


def _malformed(attribute: str, reason: Reason) -> Row:
    return {"malformed": [attribute, reason.value, "cannot be read"]}
