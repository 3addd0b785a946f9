"""What does not fit, row by row, and how much was moved."""

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from notifications.canvas_import.rows import Person, Row, Unfit

COLUMNS = ("table", "id", "user_id", "line", "moved", "reason", "detail")


class Line(NamedTuple):
    """``moved`` no: the row is left out. Holds no address: it is printed."""

    table: str
    id: str
    user_id: str
    line: str
    moved: str
    reason: str
    detail: str


class Report:
    def __init__(self, write: Callable[[Line], object]) -> None:
        self._write = write
        self.reasons: Counter[tuple[str, str, str]] = Counter()  # by table, moved or not, and reason
        self.moved: Counter[str] = Counter()  # by table
        self.before: int = 0  # people who were moved by an earlier run

    def add(self, *lines: Line) -> None:
        for line in lines:
            self.reasons[line.table, line.moved, line.reason] += 1
            self._write(line)


def left(table: str, row: Row, why: Unfit) -> Line:
    return _line(table, row, "no", why.reason, why.detail)


def left_out(person: Person, why: Unfit) -> list[Line]:
    """Nothing of the person is moved."""
    theirs = Unfit("its user is not moved")
    lines = [left("users", person.row, why)]
    lines += [left("pseudonyms", row, theirs) for row in person.logins]
    lines += [left("communication_channels", row, theirs) for row in person.channels]
    return lines + [left("notification_policies", row, theirs) for row in person.preferences]


def changed(table: str, row: Row, what: str, detail: str = "") -> Line:
    """The row is moved, but not as it is."""
    return _line(table, row, "yes", what, detail)


def _line(table: str, row: Row, moved: str, reason: str, detail: str) -> Line:
    number = row.prose("id")
    user = number if table == "users" else row.prose("user_id")
    return Line(table, number, user, row.where, moved, reason, detail)
