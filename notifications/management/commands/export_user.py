import os
from pathlib import Path
from typing import Any

import orjson
from django.core.management import BaseCommand, CommandError, CommandParser

from canvas_channels.core.identity.management.lookups import add_user_options, chosen_user
from notifications import personal_data


class Command(BaseCommand):
    help = (
        "Write all that is kept of a user as JSON: profile, logins, channels, preferences, devices, tokens' "
        "dates, the audit trail about them. No token, code or password is in it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_user_options(parser, bare_id=True)
        parser.add_argument(
            "--output", metavar="FILE", help="A file, which only you can read then; else stdout."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        user = chosen_user(options)
        text = orjson.dumps(personal_data.exported(user), option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z)
        if options["output"] is None:
            self.stdout.write(text.decode())
            return
        try:
            write_privately(Path(options["output"]), text + b"\n")
        except OSError as error:
            raise CommandError(f"{options['output']} cannot be written: {error.strerror}.") from error


def write_privately(file: Path, content: bytes) -> None:
    """Mode 600, also where the file was there already."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        os.fchmod(descriptor, 0o600)
        opened.write(content)
