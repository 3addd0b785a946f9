"""Rows as they are read from Canvas, under its own names of columns. Pure."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from canvas_channels.core.trimming import trim

SHARD = 10**13  # ids from here on are another shard's: its number, and the id there
_ID = re.compile(r"(?:(\d{1,6})~)?(\d{1,19})", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_MAX_ID = 2**63 - 1
_MAX_NUMBER = 2**31 - 1
_TRUE = {"true", "t", "1"}


class Unfit(Exception):
    """Why a row, or a person, is not moved. ``detail`` is about this row alone."""

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(reason)


class SourceFailed(Exception):
    """What people are read from cannot be read; the text says what it is, and why."""


@dataclass(frozen=True, slots=True)
class Row:
    """``where`` is the file and the line; empty: from the API. ``deleted``: gone from Canvas."""

    values: dict[str, Any]
    where: str = ""
    deleted: bool = False

    def text(self, column: str) -> str:
        """One line; empty where there is none. Raises :class:`Unfit`."""
        found = trim(self.prose(column))
        if _CONTROL.search(found):
            raise Unfit(f"{column} holds control characters")
        return found

    def prose(self, column: str) -> str:
        """Text of any number of lines; empty where there is none."""
        value = self.values.get(column)
        return "" if value is None else str(value).replace("\x00", "")

    def id(self, column: str) -> int:
        """The number, though it be written as ``shard~id``. Raises :class:`Unfit`."""
        found = _ID.fullmatch(self.text(column))
        number = int(found[1] or 0) * SHARD + int(found[2]) if found else 0
        if not 0 < number <= _MAX_ID:
            raise Unfit(f"{column} is no id")
        return number

    def number(self, column: str) -> int | None:
        """A whole number, which may be negative; None: there is none. Raises :class:`Unfit`."""
        text = self.text(column)
        if not text:
            return None
        if not re.fullmatch(r"-?[0-9]{1,10}", text) or abs(int(text)) > _MAX_NUMBER:
            raise Unfit(f"{column} is no number")
        return int(text)

    def time(self, column: str) -> datetime | None:
        """With a time zone, UTC where none is named; None: there is none. Raises :class:`Unfit`."""
        text = self.text(column)
        if not text:
            return None
        try:
            found = datetime.fromisoformat(text)
            return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise Unfit(f"{column} is no time") from error

    def flag(self, column: str) -> bool:
        return self.prose(column).strip().lower() in _TRUE


@dataclass(slots=True)
class Person:
    """A row of ``users`` with those of other tables that are theirs.

    ``preferences`` name their ``notification`` by its slug.
    """

    id: int
    row: Row
    logins: list[Row] = field(default_factory=list)
    channels: list[Row] = field(default_factory=list)
    preferences: list[Row] = field(default_factory=list)
