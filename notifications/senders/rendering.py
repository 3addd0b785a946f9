"""Messages from their templates, in the language that is active."""

from collections.abc import Mapping
from typing import Any

from django.template.loader import render_to_string

from notifications.gateways.email import Email

MAX_NAME = 40  # characters of an account's name in a text message, which is paid by the 160


def render_email(name: str, context: Mapping[str, Any]) -> Email:
    """From ``subject.txt``, ``message.txt`` and ``message.html`` in the folder of that name."""
    subject, text, html = (
        render_to_string(f"notifications/{name}/{part}", dict(context))
        for part in ("subject.txt", "message.txt", "message.html")
    )
    return Email(" ".join(subject.split()), text, html)


def short(name: str) -> str:
    """An account's name, fit for a text message."""
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 3]}..."
