"""What a line of the log may say: no code, no token and no full address.

Our own lines hold none. This is for those of libraries: Django names the path of a request that went wrong,
PostgreSQL quotes the row that broke a constraint, a mail server the recipient whom it refused.
"""

import copy
import logging
import re
from typing import Any

from pythonjsonlogger.json import JsonFormatter

# What PostgreSQL adds to an error's first line: the values of a row, or the statement with its literals.
_VALUES = re.compile(r"^(?:DETAIL|CONTEXT|LINE \d+):.*\n?", re.MULTILINE)

_LOCAL = r"[\w.!#$%*+/^`{|}~-]"

# Each begins where a word does, so that a long one costs no more than its length.
_MASKS = (
    (re.compile(rf"(?<!{_LOCAL})({_LOCAL}){_LOCAL}*(@|%40)(?=[\w-]+\.\w)"), r"\1…\2"),
    (re.compile(r"(?<![\w+])(\+|%2B)\d{6,13}(\d\d)\b"), r"\1…\2"),
    (re.compile(r"/(register|not-me|password-reset|unsubscribe)/[^\s\"'<>]+"), r"/\1/…"),
    (re.compile(r"(?<![\w-])(Bearer |[\w-]*(?:token|secret|password|code)\]?=)[^\s&\"'<>]{6,}"), r"\1…"),
)


class Formatter(JsonFormatter):
    """JSON, with the route in place of a request's path, and what looks like an address masked."""

    def format(self, record: logging.LogRecord) -> str:
        request: Any = getattr(record, "request", None)
        if hasattr(request, "get_full_path"):
            record = copy.copy(record)
            del vars(record)["request"]  # its text holds the query string
            match = getattr(request, "resolver_match", None)
            paths = {request.path, request.path_info, request.get_full_path()}
            if isinstance(record.args, tuple):
                shown = match.route if match else "(none)"
                record.args = tuple(shown if str(value) in paths else value for value in record.args)
        return super().format(record)

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        return {name: masked(value) for name, value in super().process_log_record(log_data).items()}


def masked(value: Any) -> Any:
    """The same with every text in it masked; what is no text, dict or list stays as it is."""
    match value:
        case str():
            value = _VALUES.sub("", value)
            for pattern, shown in _MASKS:
                value = pattern.sub(shown, value)
            return value
        case dict():
            return {name: masked(part) for name, part in value.items()}
        case list() | tuple():
            return [masked(part) for part in value]
        case _:
            return value
