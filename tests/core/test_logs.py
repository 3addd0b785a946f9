"""What the formatter leaves of a line."""

import json
import logging
import sys

import psycopg
import pytest
from django.test import RequestFactory

from canvas_channels.core.logs import Formatter, masked

ADDRESS = "penny@example.edu"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"451 <{ADDRESS}> is busy", "451 <p…@example.edu> is busy"),
        ("path=penny%40example.edu", "path=p…%40example.edu"),
        (f"{'long-' * 100_000}{ADDRESS}", "l…@example.edu"),
        ("s…@example.edu", "s…@example.edu"),
        ("to +16265550123", "to +…23"),
        ("2026-01-01T00:00:00+00:00", "2026-01-01T00:00:00+00:00"),
        ("/register/abc_DEF-1 and on", "/register/… and on"),
        ("/not-me/abc_DEF-1", "/not-me/…"),
        ("/unsubscribe/1-2-3.abc_DEF-1", "/unsubscribe/…"),
        ("/password-reset/MQ/abc-def", "/password-reset/…"),
        ("/x?access_token=abcdefgh&y=1", "/x?access_token=…&y=1"),
        ("Authorization: Bearer abcdefgh", "Authorization: Bearer …"),
        ("line 3, in find_token", "line 3, in find_token"),
        ({"job": {"to": ADDRESS}, "tries": 3}, {"job": {"to": "p…@example.edu"}, "tries": 3}),
    ],
)
def test_masks(text: object, shown: object) -> None:
    assert masked(text) == shown


def logged(message: str, *args: object, **fields: object) -> dict[str, str]:
    record = logging.LogRecord("django.request", logging.ERROR, "x.py", 1, message, args, None)
    record.exc_info = fields.pop("exc_info", None)  # type: ignore[assignment]
    vars(record).update(fields)
    line: dict[str, str] = json.loads(Formatter("%(message)s").format(record))
    return line


def test_a_request_is_shown_by_its_route() -> None:
    request = RequestFactory().get("/some/secret-value?access_token=x")
    line = logged("%s: %s", "Internal Server Error", request.path, request=request)
    assert line == {"message": "Internal Server Error: (none)"}


def test_the_values_of_a_row_are_left_out_of_an_exception() -> None:
    try:
        raise psycopg.errors.UniqueViolation(f"duplicate key\nDETAIL:  Key (x)=(secret {ADDRESS}) exists.")
    except psycopg.Error:
        line = logged("internal error", exc_info=sys.exc_info())
    assert line["exc_info"].strip().endswith("psycopg.errors.UniqueViolation: duplicate key")
