#!/usr/bin/env python
"""Django's command-line utility. A database that is away, or refuses the password, is one line."""

import os
import sys

from django.core.management import execute_from_command_line

from canvas_channels.core import outages


def main() -> None:
    try:
        execute_from_command_line(sys.argv)
    except Exception as error:
        reason = outages.reason(error)
        if reason is None or "--traceback" in sys.argv:
            raise
        sys.exit(f"Database: {reason}")


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "canvas_channels.settings")
    main()
