"""Reads compose.yaml as Docker would, as far as the tests need it."""

import re
from typing import Any

import yaml

from tests import ROOT

_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?:(?P<how>:[-?])(?P<word>[^}]*))?\}")


def read() -> dict[str, Any]:
    """The file; its anchors are merged, its variables left as they are."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return loaded


def fill(text: str, values: dict[str, str]) -> str:
    """``${NAME}``, ``${NAME:-default}`` and ``${NAME:?what is missing}`` in a text."""

    def one(found: re.Match[str]) -> str:
        value = values.get(found["name"])
        if value or found["how"] != ":?":
            return value or (found["word"] if found["how"] == ":-" else "")
        raise KeyError(found["name"])

    return _VARIABLE.sub(one, text)


def environment(service: str, values: dict[str, str]) -> dict[str, str]:
    """What a service is started with, once .env holds these values."""
    given = read()["services"][service].get("environment", {})
    return {name: fill(str(value), values) for name, value in given.items()}


def command(service: str) -> list[str] | None:
    """None: the image's own."""
    given: list[str] | None = read()["services"][service].get("command")
    return given
