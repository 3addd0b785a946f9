from pathlib import Path
from typing import Any

import orjson
from django.core.management import BaseCommand, CommandError, CommandParser

from canvas_channels.core.counts import counted
from canvas_channels.core.identity.management.lookups import find_account, row_id
from channels_api.accounts import imports, progress
from channels_api.accounts.import_rows import COLUMNS, CSV_PARAMETER, JSON_PARAMETER, read_rows
from channels_api.errors import InvalidValue
from channels_api.management import progress_bar
from channels_api.models import Progress


class Command(BaseCommand):
    help = (
        "Create many channels from a CSV file in UTF-8 whose first line names columns "
        f"({', '.join(COLUMNS)}), or from a .json file: a list of objects with the same keys. A row's "
        "user has a login in the account, has no rights (as an admin or staff), and fits every id that the "
        "row gives. Without skip_confirmation a message is sent, and the limits on messages hold. A bad row "
        "is shown and never stops the rest."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="The CSV or JSON file.")
        parser.add_argument(
            "--account", type=row_id, metavar="ID", help="The users' account; default the default account."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        account = find_account(options["account"])
        try:
            rows = read_rows(parameters(Path(options["file"])), limit=None)
        except InvalidValue as error:
            raise CommandError(f"{options['file']} {error.message}.") from error
        started = imports.start(None, account, rows)
        try:
            while progress.step(started.pk):
                if self.stdout.isatty():
                    self.draw(started)
        except BaseException:
            Progress.objects.mark_failed(started.pk, "interrupted")
            raise
        finally:
            if self.stdout.isatty():
                self.draw(started)
                self.stdout.write("")  # below the bar
            else:
                started.refresh_from_db()
                self.stdout.write(f"{started.said}.")
            self.stdout.flush()  # before the lines on standard error, which may go to the same file
            failed = self.show_failures(started)
        if failed:
            raise CommandError(f"{failed} of {counted(len(rows), 'row')} failed.")

    def draw(self, started: Progress) -> None:
        started.refresh_from_db()
        progress_bar.draw(self.stdout, started.completion, started.said)

    def show_failures(self, started: Progress) -> int:
        failed = [result for result in imports.results(started) if result["status"] == "failed"]
        for result in failed:
            words = "; ".join(f"{error['attribute']}: {error['message']}" for error in result["errors"])
            self.stderr.write(f"row {result['row']}: {' '.join(words.split())}")
        return len(failed)


def parameters(file: Path) -> dict[str, Any]:
    """The file as a request would bring it."""
    try:
        content = file.read_bytes()
        if file.suffix.lower() != ".json":
            return {CSV_PARAMETER: content.decode("utf-8-sig")}
        value = orjson.loads(content)
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise CommandError(f"{file} cannot be read: {error}.") from error
    return value if isinstance(value, dict) else {JSON_PARAMETER: value}
