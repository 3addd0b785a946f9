import csv
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.core.management import BaseCommand, CommandError, CommandParser

from canvas_channels.core.counts import counted
from canvas_channels.core.identity.management.lookups import find_account, row_id
from channels_api.accounts.report_formats import harmless
from channels_api.management import progress_bar
from notifications.canvas_import.files import CHANNELS, NOTIFICATIONS, POLICIES, PSEUDONYMS, USERS, Files
from notifications.canvas_import.moving import Move, Source
from notifications.canvas_import.report import COLUMNS, Line, Report
from notifications.canvas_import.rows import SourceFailed

TOKEN = "CANVAS_TOKEN"  # noqa: S105 - the variable's name
TABLES = (USERS, PSEUDONYMS, CHANNELS, POLICIES, NOTIFICATIONS)
# What their rows are here; the report names the tables, so that a row can be looked up in Canvas.
NOUNS = {
    USERS: "user",
    PSEUDONYMS: "login",
    CHANNELS: "channel",
    POLICIES: "preference",
    NOTIFICATIONS: "notification",
}
COUNTED = (USERS, PSEUDONYMS, CHANNELS, POLICIES)


class Command(BaseCommand):
    help = (
        "Move people here from Canvas with their logins, channels and preferences: from its API, with the "
        f"token in {TOKEN}, or from files. Whoever was moved before is left alone. Nothing is sent, but that "
        "people who are here already are told of new logins and active addresses."
    )

    drawn: int | None = None  # the percentage that the bar shows

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", help="Where Canvas is, as https://canvas.example.edu.")
        for table in TABLES:
            words = f"{table} of the Data Access Platform, as CSV or JSON lines, or compressed."
            if table == USERS:
                words += " Or the users of a provisioning report."
            parser.add_argument(
                f"--{table.replace('_', '-')}",
                nargs="+",
                action="extend",
                type=Path,
                default=[],
                metavar="FILE",
                help=words,
            )
        parser.add_argument(
            "--canvas-account",
            default="",
            metavar="ID",
            help="The account's id in Canvas; default the token's own, and in files whatever there is.",
        )
        parser.add_argument(
            "--account", type=row_id, metavar="ID", help="Their account here; default the default account."
        )
        parser.add_argument("--dry-run", action="store_true", help="Write nothing; say what would be done.")
        parser.add_argument(
            "--report", type=Path, metavar="FILE", help="A CSV file for each row that does not fit, and why."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        account = find_account(options["account"])
        with self.lines_kept(options["report"]) as keep:
            report = Report(keep)
            move = Move(account, report, self.progress, dry_run=options["dry_run"])
            source = self.source(options, report)
            try:
                move.people(source)
                if isinstance(source, Files):
                    move.preferences(source.preferences())
            except SourceFailed as error:
                raise CommandError(f"{error}.") from error
            finally:
                self.summarise(report, dry_run=options["dry_run"])

    def source(self, options: dict[str, Any], report: Report) -> Source:
        paths = {table: options[table] for table in TABLES}
        if bool(options["url"]) == any(paths.values()):
            raise CommandError("Give either --url or files.")
        if not options["url"]:
            if not paths[USERS]:
                raise CommandError("Give --users: other rows belong to theirs.")
            if paths[POLICIES] and not paths[NOTIFICATIONS]:
                raise CommandError("Give --notifications too: it says what the policies are about.")
            return Files(paths, report, options["canvas_account"])
        try:
            from notifications.canvas_import.api import Api
        except ModuleNotFoundError as error:
            package = str(error.name).partition(".")[0]
            raise CommandError(f"--url needs the Python package {package}: install it first.") from error
        return Api(checked_url(options["url"]), token(), options["canvas_account"], report)

    def progress(self, part: float, words: str) -> None:
        percent = int(100 * part)
        if percent != self.drawn and self.stdout.isatty():
            progress_bar.draw(self.stdout, percent, words)
            self.drawn = percent

    def summarise(self, report: Report, *, dry_run: bool) -> None:
        if self.drawn is not None:
            self.stdout.write("")  # below the bar
        counts = ", ".join(counted(report.moved[table], NOUNS[table]) for table in COUNTED)
        self.stdout.write(f"{'Would be moved' if dry_run else 'Moved'}: {counts}.")
        if report.before:
            were = "was" if report.before == 1 else "were"
            self.stdout.write(f"{counted(report.before, 'user')} {were} moved before, and left alone.")
        for (table, moved, reason), count in sorted(report.reasons.items()):
            fate = "changed" if moved == "yes" else "left out"
            self.stdout.write(f"{counted(count, NOUNS[table])} {fate}: {reason}.")
        self.stdout.flush()  # before a line on standard error, which may go to the same file

    @contextmanager
    def lines_kept(self, path: Path | None) -> Iterator[Callable[[Line], object]]:
        """What keeps a line of the report: in the file, which is complete once the command ends."""
        if path is None:
            yield lambda line: None
            return
        try:
            file = path.open("w", encoding="utf-8", newline="")
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}.") from error
        with file:
            lines = csv.writer(file)
            lines.writerow(COLUMNS)
            yield lambda line: lines.writerow(map(harmless, line))


def checked_url(text: str) -> str:
    """The address of a Canvas, without its end; the token goes over https only, but on this machine."""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.path.strip("/") or parts.query or parts.fragment or parts.username:
        raise CommandError("--url must be an address without a path, as https://canvas.example.edu.")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in {"127.0.0.1", "::1", "localhost"}):
        raise CommandError("--url must begin with https://, as the token is sent there.")
    return f"{parts.scheme}://{parts.netloc}"


def token() -> str:
    found = os.environ.get(TOKEN, "").strip()
    if not found:
        raise CommandError(f"Give the token of a Canvas admin in the environment, as {TOKEN}.")
    return found
