"""Running the operator's commands in tests."""

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
