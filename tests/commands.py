"""Running the operator's commands in tests."""

import os
import re
import threading
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command


def run(command: str, *args: str, **options: Any) -> str:
    """What the command printed on stdout."""
    out = StringIO()
    call_command(command, *args, stdout=out, **options)
    return out.getvalue()


def refusal(command: str, *args: str, **options: Any) -> str:
    """What the command was refused for: one line, without a trace."""
    with pytest.raises(CommandError) as refused:
        run(command, *args, **options)
    message = str(refused.value)
    assert "\n" not in message
    return message


def failing(command: str, *args: str) -> str:
    """What a command printed that ends with status 1."""
    out = StringIO()
    with pytest.raises(CommandError) as failed:
        call_command(command, *args, stdout=out)
    assert failed.value.returncode == 1
    return out.getvalue()


def shown_on_a_terminal(command: str, *args: str, **options: Any) -> tuple[str, list[str]]:
    """What the command wrote to a real terminal, and the lines that are to be read there in the end."""
    reader, writer = os.openpty()
    written: list[bytes] = []
    reading = threading.Thread(target=lambda: written.extend(_read_all(reader)))
    reading.start()  # while the command runs: a terminal holds little that nobody reads
    try:
        with os.fdopen(writer, "w") as terminal:
            call_command(command, *args, stdout=terminal, **options)
    finally:
        reading.join()
        os.close(reader)
    text = b"".join(written).decode()
    return text, [_line(line) for line in text.removesuffix("\r\n").split("\r\n")]


def _read_all(terminal: int) -> list[bytes]:
    found: list[bytes] = []
    try:
        while read := os.read(terminal, 10_000):
            found.append(read)
    except OSError:  # as Linux says that the other end is closed
        pass
    return found


def _line(written: str) -> str:
    """What stays of what was written to one line, over and over."""
    cells: list[str] = []
    column = 0
    for piece in re.findall(r"\r|\x1b\[K|[^\r\x1b]", written):
        if piece == "\r":
            column = 0
        elif piece == "\x1b[K":
            del cells[column:]
        else:
            cells[column : column + 1] = [piece]
            column += 1
    return "".join(cells)
