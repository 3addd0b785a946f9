"""Reads what the stand-ins captured (see ``standins``)."""

import json
from pathlib import Path
from typing import Any


def sent_messages(file: Path, to: str = "") -> list[dict[str, Any]]:
    """The messages, oldest first, numbered by their line; ``to`` keeps one address, in any case."""
    try:
        lines = file.read_bytes().split(b"\n")[:-1]  # what follows the last line feed is still being written
    except FileNotFoundError:
        return []
    # Most lines are somebody else's; looking at their text is much cheaper than parsing them.
    wanted, needle = to.casefold(), json.dumps(to)[1:-1].lower().encode()
    found = []
    for number, line in enumerate(lines, start=1):
        if not to.isascii() or needle in line.lower():
            message = json.loads(line)
            if not to or message["to"].casefold() == wanted:
                found.append({"id": number, **message})
    return found
