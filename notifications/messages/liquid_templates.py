"""Rendering of what an operator writes, by python-liquid (https://github.com/jg-rp/liquid).

A module of its own, imported only where something is rendered: the library takes 10 MB of each process.
"""

from functools import cache

from liquid import Environment, StrictUndefined
from liquid.exceptions import LiquidError

_TAGS = ("assign", "capture", "case", "comment", "content", "if", "illegal", "output", "unless", "#")
_FILTERS = ("capitalize", "default", "downcase", "escape", "strip", "truncate", "truncatewords", "upcase")


def render(source: str, names: dict[str, str], *, escaped: bool) -> str:
    """Raises :class:`ValueError`, which says what is wrong with the template."""
    try:
        return _environment(escaped).from_string(source).render(**names)
    except LiquidError as error:
        raise ValueError(error.message) from error


class _Limited(Environment):
    context_depth_limit = 10
    local_namespace_limit = 20_000  # bytes
    loop_iteration_limit = 100
    output_stream_limit = 20_000  # bytes


@cache
def _environment(escaped: bool) -> Environment:
    """Without a loader, and with few tags and filters: the library's limits bound no filter's values."""
    made = _Limited(autoescape=escaped, undefined=StrictUndefined)
    made.tags = {name: tag for name, tag in made.tags.items() if name in _TAGS}
    made.filters = {name: function for name, function in made.filters.items() if name in _FILTERS}
    return made
