"""People from files: tables of the Data Access Platform, or the users of a provisioning report."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from notifications.canvas_import.report import Report, left
from notifications.canvas_import.rows import Person, Row, SourceFailed, Unfit
from notifications.canvas_import.tables import TableFile

USERS, PSEUDONYMS = "users", "pseudonyms"
CHANNELS, POLICIES = "communication_channels", "notification_policies"
NOTIFICATIONS = "notifications"

# What is read of each table; the first ones must be there.
_REQUIRED = {
    USERS: ("id", "name"),
    PSEUDONYMS: ("id", "user_id", "unique_id", "workflow_state"),
    CHANNELS: ("id", "user_id", "path", "path_type", "workflow_state"),
    POLICIES: ("communication_channel_id", "notification_id", "frequency"),
    NOTIFICATIONS: ("id", "name"),
}
_OPTIONAL = {
    USERS: ("short_name", "sortable_name", "locale", "time_zone", "workflow_state", "created_at"),
    PSEUDONYMS: ("account_id", "sis_user_id", "position", "created_at", "sis_communication_channel_id"),
    CHANNELS: (
        *("position", "created_at", "updated_at", "bounce_count", "last_bounce_at", "last_bounce_summary"),
        *("last_suppression_bounce_at", "last_transient_bounce_at", "last_transient_bounce_summary"),
    ),
    POLICIES: ("id",),
    NOTIFICATIONS: (),
}
_PROVISIONED = "canvas_user_id"  # the column by which a provisioning report is told
_PROVISIONING = (
    *(_PROVISIONED, "user_id", "login_id", "first_name", "last_name", "full_name", "sortable_name"),
    *("short_name", "email", "status", "created_by_sis"),
)


class Files:
    """``paths``: the files of each table. All but the preferences are read at once."""

    def __init__(self, paths: dict[str, Sequence[Path]], report: Report, canvas_account: str) -> None:
        self._paths = paths
        self._report = report
        self._canvas_account = canvas_account
        self._people: dict[int, Person] = {}

    def people(self) -> list[Person]:
        """Everybody, by their ids. Raises :class:`SourceFailed`, at once where a file has not its columns."""
        opened = {table: [self._file(table, path) for path in self._paths[table]] for table in _REQUIRED}
        for file in opened[USERS]:
            if _PROVISIONED in file.header():
                self._read_provisioning(TableFile(file.path, _PROVISIONING))
            else:
                self._read_users(file)
        for table in (PSEUDONYMS, CHANNELS):
            for file in opened[table]:
                self._read_owned(table, file)
        return [self._people[key] for key in sorted(self._people)]

    def fill(self, person: Person) -> None:
        """Nothing is missing."""

    def preferences(self) -> Iterator[tuple[Row, float]]:
        """Rows of ``notification_policies``, each with the part of all that is read then.

        Raises :class:`SourceFailed`.
        """
        names = self._notifications()
        files = [self._file(POLICIES, path) for path in self._paths[POLICIES]]
        for number, file in enumerate(files):
            for row in file.rows():
                if not row.deleted:
                    name = names.get(row.prose("notification_id"), "")
                    read = (number + file.fraction()) / len(files)
                    yield Row(row.values | {"notification": name}, row.where), read

    def _notifications(self) -> dict[str, str]:
        rows = [row for path in self._paths[NOTIFICATIONS] for row in self._file(NOTIFICATIONS, path).rows()]
        return {row.prose("id"): row.prose("name") for row in rows if not row.deleted}

    def _file(self, table: str, path: Path) -> TableFile:
        file = TableFile(path, _REQUIRED[table] + _OPTIONAL[table])
        columns = file.header()
        missing = [column for column in _REQUIRED[table] if column not in columns]
        if columns and missing and not (table == USERS and _PROVISIONED in columns):
            raise SourceFailed(f"{path} has no column {missing[0]}: is it a file of {table}?")
        return file

    def _read_users(self, file: TableFile) -> None:
        """Of several rows with one id, as increments have them, the last one counts."""
        for row in file.rows():
            try:
                number = row.id("id")
            except Unfit as why:
                self._report.add(left(USERS, row, why if row.values else _UNREADABLE))
                continue
            if row.deleted:
                self._people.pop(number, None)
            else:
                self._people[number] = Person(number, row)

    def _read_owned(self, table: str, file: TableFile) -> None:
        found: dict[int, Row] = {}
        for row in file.rows():
            try:
                number = row.id("id")
                if row.deleted:
                    found.pop(number, None)
                else:
                    row.id("user_id")
                    found[number] = row
            except Unfit as why:
                self._report.add(left(table, row, why if row.values else _UNREADABLE))
        for row in found.values():
            person = self._people.get(row.id("user_id"))
            if person is None:
                self._report.add(left(table, row, Unfit("its user is not in the file of users")))
            elif table == CHANNELS:
                person.channels.append(row)
            elif self._canvas_account in {"", row.prose("account_id")}:
                person.logins.append(row)
            else:
                self._report.add(left(table, row, Unfit("is a login of another account")))

    def _read_provisioning(self, file: TableFile) -> None:
        """The report has a line for each login, with the person's names and first email address."""
        for row in file.rows():
            try:
                number = row.id(_PROVISIONED)
            except Unfit as why:
                self._report.add(left(USERS, row, why if row.values else _UNREADABLE))
                continue
            person = self._people.setdefault(number, Person(number, _user(row, number)))
            if person.row.values["workflow_state"] == "deleted":
                person.row = _user(row, number)
            if not self._paths[PSEUDONYMS]:
                person.logins.append(_login(row, number))
            if not self._paths[CHANNELS] and not person.channels and row.prose("email"):
                person.channels.append(_email(row, number))


_UNREADABLE = Unfit("the line cannot be read")


def _user(row: Row, number: int) -> Row:
    get = row.prose
    values = {
        "id": number,
        "name": get("full_name") or f"{get('first_name')} {get('last_name')}",
        "short_name": get("short_name"),
        "sortable_name": get("sortable_name"),
        "workflow_state": "deleted" if get("status") == "deleted" else "registered",
    }
    return Row(values, row.where)


def _login(row: Row, number: int) -> Row:
    values = {
        "user_id": number,
        "unique_id": row.prose("login_id"),
        "sis_user_id": row.prose("user_id"),
        "workflow_state": row.prose("status"),
    }
    return Row(values, row.where)


def _email(row: Row, number: int) -> Row:
    """The report does not say whether it is confirmed: what the student system named is taken to be."""
    state = "active" if row.flag("created_by_sis") else "unconfirmed"
    values = {"user_id": number, "path": row.prose("email"), "path_type": "email", "workflow_state": state}
    return Row(values, row.where)
