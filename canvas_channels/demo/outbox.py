"""Reads what the stand-ins captured (see ``standins``)."""

import json
from pathlib import Path
from typing import Any

from channels_api.addresses import compared


def sent_messages(file: Path, to: str = "") -> list[dict[str, Any]]:
    """The messages, oldest first, numbered by their line; ``to`` keeps one address, however it is spelled."""
    try:
        lines = file.read_bytes().split(b"\n")[:-1]  # what follows the last line feed is still being written
    except FileNotFoundError:
        return []
    # Most lines are somebody else's; looking at their text is much cheaper than parsing them.
    wanted = compared(to)
    needle = json.dumps(wanted)[1:-1].encode()
    found = []
    for number, line in enumerate(lines, start=1):
        if not wanted.isascii() or needle in line.lower():
            message = json.loads(line)
            if not to or compared(message["to"]) == wanted:
                found.append({"id": number, **message})
    return found
