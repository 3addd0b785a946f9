"""Running the operator's commands in tests."""

import os
import threading
from collections.abc import Iterator
from contextlib import suppress
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


def shown_on_a_terminal(command: str, *args: str, **options: Any) -> list[str]:
    """All that was to be read on the lines of a real terminal, also what was written over."""
    reader, writer = os.openpty()
    written: list[bytes] = []
    reading = threading.Thread(target=lambda: written.extend(_pieces(reader)))
    reading.start()  # while the command runs: a terminal holds little that nobody reads
    try:
        with os.fdopen(writer, "w") as terminal:
            call_command(command, *args, stdout=terminal, **options)
    finally:
        reading.join()
        os.close(reader)
    lines = b"".join(written).decode().removesuffix("\r\n").split("\r\n")
    return [shown for line in lines for shown in _seen(line)]


def _pieces(terminal: int) -> Iterator[bytes]:
    with suppress(OSError):  # as Linux says that the other end is closed
        while piece := os.read(terminal, 10_000):
            yield piece


def _seen(line: str) -> Iterator[str]:
    """What a line showed each time before it was begun anew, and in the end."""
    shown = ""
    for number, text in enumerate(line.split("\r")):
        if number and shown:
            yield shown
        cleared = text.startswith("\x1b[K")
        text = text.removeprefix("\x1b[K")
        shown = text if cleared else text + shown[len(text) :]
    yield shown
