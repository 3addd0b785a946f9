import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from django.core.exceptions import ValidationError
from django.core.management import BaseCommand, CommandError, CommandParser
from django.db import IntegrityError, transaction

from canvas_channels.core.counts import counted
from canvas_channels.core.identity.management.lookups import find_account, row_id
from canvas_channels.core.identity.management.saving import explain
from canvas_channels.core.identity.models import Account
from canvas_channels.core.identity.models.names import lowered
from channels_api.management.rows import BadFile, Row, read_rows, write_row
from channels_api.messages.security_notices import told_together


class Command(BaseCommand):
    help = (
        "Import users from a CSV file in UTF-8 whose first line names the columns: name, login, and as they "
        "are wanted sis_user_id, email, pre_registered (true or false; new users only). A known sis_user_id, "
        "else a known login, is updated; an empty cell leaves what is there. An email becomes the user's "
        "imported address and an active channel. A row with another login or email for somebody with rights "
        "(an admin, staff) is a bad one. Either every row is written or none."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="The CSV file, or - for stdin.")
        parser.add_argument(
            "--account", type=row_id, metavar="ID", help="The users' account; default the default account."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        account = find_account(options["account"])
        with opened(options["file"]) as file, transaction.atomic(), told_together():
            try:
                created, updated, errors = import_rows(file, account)
            except BadFile as error:
                raise CommandError(f"{options['file']} cannot be imported: {error}.") from error
            if errors:
                for line, complaint in errors:
                    self.stderr.write(f"line {line}: {complaint}")
                raise CommandError(f"Nothing was written: {counted(len(errors), 'bad row')}.")
        self.stdout.write(f"Made {counted(created, 'user')} and updated {updated}.")


@contextmanager
def opened(name: str) -> Iterator[TextIO]:
    if name == "-":
        yield sys.stdin
        return
    try:
        with Path(name).open(encoding="utf-8-sig", newline="") as file:
            yield file
    except OSError as error:
        raise CommandError(f"{name} cannot be read: {error.strerror}.") from error


def import_rows(file: TextIO, account: Account) -> tuple[int, int, list[tuple[int, str]]]:
    """Write every good row; returns how many were made and updated, and each bad row's line and fault.

    Goes on after a bad row so that one run shows them all; the caller's transaction then undoes the rest.
    """
    created = updated = 0
    errors: list[tuple[int, str]] = []
    seen: dict[tuple[str, str], int] = {}
    for line, row in read_rows(file):
        try:
            if isinstance(row, ValidationError):
                raise row
            _refuse_repeated(row, line, seen)
            with transaction.atomic():
                is_new = write_row(row, account)
        except (ValidationError, IntegrityError) as error:
            errors.append((line, explain(error)))
        else:
            created += is_new
            updated += not is_new
    return created, updated, errors


def _refuse_repeated(row: Row, line: int, seen: dict[tuple[str, str], int]) -> None:
    for kind, value in (("login", lowered(row.login)), ("sis_user_id", row.sis_user_id)):
        first = seen.setdefault((kind, value), line) if value else line
        if first != line:
            raise ValidationError({kind: f"{value!r} is on line {first} already"})
