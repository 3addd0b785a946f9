"""Canvas's pagination: ``page``, ``per_page`` and a ``Link`` header of absolute URLs (RFC 8288)."""

import math
from collections.abc import Sequence
from typing import Any, TypeVar

from django.db.models import QuerySet
from django.utils.encoding import escape_uri_path

from canvas_channels.core.rest.errors import ResourceNotFound
from canvas_channels.core.rest.params import text, without
from canvas_channels.core.rest.requests import CanvasRequest

DEFAULT_PER_PAGE = 10
MAX_PER_PAGE = 100
_LARGEST_INTEGER = 2**64 - 1  # of orjson
PAST_THE_END = 10**18
_MAX_DIGITS = 18  # what has more needs no reading: it is past the end, or above the most

Row = TypeVar("Row")


def _positive(parameter: object) -> int | None:
    """A positive integer of ASCII digits, of any length; None where it is none."""
    if isinstance(parameter, float) and _LARGEST_INTEGER <= parameter < math.inf:
        return PAST_THE_END  # orjson reads an integer that is longer as a float
    value = text(parameter) or ""
    if not (value.isascii() and value.isdecimal()):
        return None
    digits = value.lstrip("0")
    return min(int(digits[: _MAX_DIGITS + 1]), PAST_THE_END) if digits else None


def page_number(value: object) -> int:
    """From 1; absent and empty mean the first. Raises 404 for what is no positive integer."""
    if value is None or value == "":
        return 1
    number = _positive(value)
    if number is None:
        raise ResourceNotFound
    return number


def page_size(value: object) -> int:
    """Default 10, at most 100; nonsense means the default."""
    return min(_positive(value) or DEFAULT_PER_PAGE, MAX_PER_PAGE)


def paginate(request: CanvasRequest, rows: "Sequence[Row] | QuerySet[Any, Row]") -> tuple[Sequence[Row], str]:
    """The page of ``rows`` that was asked for, and its ``Link`` header.

    Of channels it takes all rows: a user has at most 100, so one statement for all of them is cheaper
    than one compiled for each page. Of a queryset it counts the rows, and reads those of the page.
    """
    page = page_number(request.params.get("page"))
    per_page = page_size(request.params.get("per_page"))
    count = rows.count() if isinstance(rows, QuerySet) else len(rows)
    last = max(1, -(-count // per_page))
    relations = {"current": page}
    if page < last:
        relations["next"] = page + 1
    if page > 1:
        relations["prev"] = page - 1
    relations |= {"first": 1, "last": last}
    start = f"{request.scheme}://{request.get_host()}{escape_uri_path(request.path)}?"
    query = request.query_params
    if query and (others := without(query, ["access_token", "page", "per_page"]).urlencode()):
        start += f"{others}&"
    links = [
        f'<{start}page={number}&per_page={per_page}>; rel="{relation}"'
        for relation, number in relations.items()
    ]
    found = list(rows[(page - 1) * per_page : page * per_page]) if page <= last else []
    return found, ",".join(links)
