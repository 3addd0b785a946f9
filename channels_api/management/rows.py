"""The rows of an import of users: reading them from CSV, and writing one."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TextIO

from django.core.exceptions import ValidationError

from canvas_channels.core.identity.callers import has_more_rights
from canvas_channels.core.identity.management.saving import clean_and_save
from canvas_channels.core.identity.models import Account, Login, User
from canvas_channels.core.identity.models.names import lowered
from canvas_channels.core.trimming import trim
from channels_api.accounts.csv_rows import BadCsv, filled_rows
from channels_api.addresses import compared
from channels_api.channels.imported import ensure_active_email, forget_institutional_email
from channels_api.management.errors import channel_errors_as_validation_errors, checked_email
from channels_api.models import CommunicationChannel

REQUIRED = ("name", "login")
OPTIONAL = ("sis_user_id", "email", "pre_registered")
BOOLEANS = {"": False, "true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class BadFile(ValueError):
    """The file is no CSV file of users at all; the text says why."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the file; an empty ``sis_user_id`` or ``email`` leaves a known user's as it is."""

    name: str
    login: str
    sis_user_id: str
    email: str
    pre_registered: bool


def read_rows(file: TextIO) -> Iterator[tuple[int, Row | ValidationError]]:
    """Each row with its line number, or what is wrong with it. Raises :class:`BadFile`."""
    rows = filled_rows(file)
    try:
        _, columns = next(rows, (0, []))
        _check_header(columns)
        for line, cells in rows:
            try:
                yield line, _parse(columns, cells)
            except ValidationError as error:
                yield line, error
    except BadCsv as error:
        raise BadFile(str(error)) from error
    except UnicodeDecodeError as error:
        raise BadFile("it is not in UTF-8") from error


def write_row(row: Row, account: Account) -> bool:
    """Make or update the row's user; returns whether they are new.

    Runs in the caller's transaction. A known ``sis_user_id`` names the user, else a known login. The logins
    and addresses of people with rights stay as they are. Raises ValidationError or IntegrityError.
    """
    login = _known_login(row, account)
    created = login is None
    if login is None:
        login = Login(account=account, user=_new_user(row, account))
    elif has_more_rights(login.user, None):
        _check_unchanged(row, login)
        row = replace(row, email="")
    if login.user.name != row.name:
        login.user.rename(row.name)
        clean_and_save(login.user)
    former_email = login.imported_email
    login.unique_id = row.login
    login.sis_user_id = row.sis_user_id or login.sis_user_id
    login.imported_email = row.email or login.imported_email
    clean_and_save(login)
    if row.email:
        if former_email and compared(former_email) != compared(row.email):
            forget_institutional_email(login.user, former_email)
        with channel_errors_as_validation_errors(row.email):
            ensure_active_email(login.user, row.email, institutional=True)
    return created


def _check_header(columns: list[str]) -> None:
    missing = [column for column in REQUIRED if column not in columns]
    if missing:
        raise BadFile(f"the first line must name the column {missing[0]}")
    unknown = [column for column in columns if column not in REQUIRED + OPTIONAL]
    if unknown:
        raise BadFile(f"the column {unknown[0]!r} is unknown; there are {', '.join(REQUIRED + OPTIONAL)}")
    if len(set(columns)) < len(columns):
        raise BadFile("the first line names a column twice")


def _parse(columns: list[str], cells: list[str]) -> Row:
    if len(cells) != len(columns):
        raise ValidationError("has not as many cells as the first line")
    values = {column: trim(value) for column, value in zip(columns, cells, strict=True)}
    if any("\x00" in value for value in values.values()):
        raise ValidationError("holds a NUL character")
    for column in REQUIRED:
        if not values[column]:
            raise ValidationError({column: "is empty"})
    email = values.get("email", "")
    pre_registered = BOOLEANS.get(values.get("pre_registered", "").lower())
    if pre_registered is None:
        raise ValidationError({"pre_registered": "must be true or false"})
    return Row(
        name=values["name"],
        login=values["login"],
        sis_user_id=values.get("sis_user_id", ""),
        email=checked_email(email) if email else "",
        pre_registered=pre_registered,
    )


def _known_login(row: Row, account: Account) -> Login | None:
    logins = Login.objects.filter(account=account).select_related("user")
    if row.sis_user_id:
        by_sis_id = logins.filter(sis_user_id=row.sis_user_id).first()
        if by_sis_id:
            return by_sis_id
    by_name = logins.filter(unique_id__lower=row.login).first()
    if by_name and row.sis_user_id and by_name.sis_user_id:
        raise ValidationError({"login": f"{row.login!r} belongs to the SIS id {by_name.sis_user_id!r}"})
    return by_name


def _check_unchanged(row: Row, login: Login) -> None:
    """Raises ValidationError for another login or address of somebody with rights.

    A file must be no way to their password.
    """
    if lowered(row.login) != lowered(login.unique_id):
        raise ValidationError({"login": f"{login.unique_id!r} has rights, and stays what it is"})
    if not row.email or compared(row.email) == compared(login.imported_email):
        return
    own = CommunicationChannel.objects.filter(
        user=login.user_id,
        type=CommunicationChannel.Type.EMAIL,
        workflow_state=CommunicationChannel.WorkflowState.ACTIVE,
    )
    if not own.filter(address_folded=compared(row.email)).exists():
        raise ValidationError({"email": f"{row.email!r} would be new to somebody who has rights"})


def _new_user(row: Row, account: Account) -> User:
    state = User.WorkflowState.PRE_REGISTERED if row.pre_registered else User.WorkflowState.REGISTERED
    user = User(name=row.name, home_account=account, workflow_state=state)
    user.set_unusable_password()
    clean_and_save(user)
    return user
