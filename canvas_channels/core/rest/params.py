"""Request parameters as Rails reads them, which Canvas's clients rely on.

A form's ``a[b]=1`` and JSON's ``{"a": {"b": 1}}`` are the same; the query string counts on every
method, and is merged with the body key by key, the body winning.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard

from django.http import QueryDict

from canvas_channels.core.rest.errors import InvalidParameter

Params = dict[str, Any]

_SEGMENT = re.compile(r"\[([^\[\]]*)\]")
_MAX_DEPTH = 16  # of brackets; a deeper key is kept as it stands
_TRUE = frozenset({"true", "t", "yes", "y", "on", "1"})


def boolean(value: object) -> bool:
    """True for true/t/yes/y/on/1 in any case; anything else counts as false."""
    return (text(value) or "").lower() in _TRUE


def flag(params: Params, key: str) -> bool | None:
    """The boolean below ``key``; None: not given. Raises :class:`InvalidParameter` for what is no scalar."""
    if key not in params:
        return None
    if text(params[key]) is None:
        raise InvalidParameter(key, "invalid", "must be true or false")
    return boolean(params[key])


def text(value: object) -> str | None:
    """A scalar as text; None for what is no scalar, or absent."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else None


def nested(params: Params, key: str) -> Params:
    """The object below ``key``; empty where it is absent or no object."""
    value = params.get(key)
    return value if _is_object(value) else {}


def misplaced(params: Params, attribute: str, objects: Mapping[str, str]) -> str | None:
    """What to do about a value that was refused because it was sent in a shape that is not read; else None.

    ``objects`` names the object that each parameter belongs to: ``{"type": "communication_channel"}``.
    ``attribute`` may name such an object too.
    """
    name = attribute.rpartition("[")[2].rstrip("]")
    for flat in [name] if name in objects else objects:
        if flat in params and _owner(objects[flat]) not in params:
            return f"send it as {objects[flat]}[{flat}]"
    if attribute in map(_owner, objects.values()) and attribute not in params:
        for key, value in params.items():
            if _is_object(value):
                return f"send it as {attribute}[{key}]"
    return None


def refuse_ignored(params: Params, owner: str, objects: Mapping[str, str]) -> None:
    """Raises :class:`InvalidParameter` for one that belongs to the object ``owner``, which is not there.

    For calls that would do without the object, as though nothing had been asked. ``objects`` as above.
    """
    for name, belongs_to in objects.items():
        if name in params and belongs_to == owner and owner not in params:
            raise InvalidParameter(name, "invalid", "is not read here")


def _owner(place: str) -> str:
    return place.partition("[")[0]


def _is_object(value: object) -> TypeGuard[Params]:
    return isinstance(value, dict)


def expand(form: QueryDict) -> Params:
    """Nest a form's bracketed keys; of a key sent twice the last one counts, but for ``a[]``."""
    expanded: Params = {}
    for key, values in form.lists():
        name, segments = _split(key)
        path = [name, *segments]
        for index, value in enumerate(values if "" in segments else values[-1:]):
            _place(expanded, path, value, index)
    return expanded


def _split(key: str) -> tuple[str, list[str]]:
    name, bracket, rest = key.partition("[")
    if not name or not bracket:
        return key, []
    segments = _SEGMENT.findall(bracket + rest)
    if "".join(f"[{segment}]" for segment in segments) != bracket + rest or len(segments) > _MAX_DEPTH:
        return key, []
    return name, segments


def _place(target: Params, path: list[str], value: str, index: int) -> None:
    """Put ``value`` at ``path``; an empty segment is an element of a list.

    The n-th value of ``a[][b]`` belongs to the same element as the n-th of ``a[][c]``.
    """
    here: Any = target
    for position, segment in enumerate(path):
        last = position == len(path) - 1
        if segment == "" and isinstance(here, list):
            if last:
                here.append(value)
                return
            here.extend({} for _ in range(index + 1 - len(here)))
            if not isinstance(here[index], dict):
                here[index] = {}
            here = here[index]
            continue
        if last:
            here[segment] = value
            return
        wanted: type = list if path[position + 1] == "" else dict
        if not isinstance(here.get(segment), wanted):
            here[segment] = wanted()
        here = here[segment]


def merge(query: Mapping[str, Any], body: Mapping[str, Any]) -> Params:
    """Both, merged key by key; a value of the body wins over the query's."""
    merged = dict(query)
    for key, value in body.items():
        ours = merged.get(key)
        merged[key] = merge(ours, value) if _is_object(ours) and _is_object(value) else value
    return merged


def without(form: QueryDict, keys: Iterable[str]) -> QueryDict:
    """A mutable copy of a query string without some keys."""
    copy = form.copy()
    for key in keys:
        copy.pop(key, None)
    return copy
