"""Canvas's custom data: JSON that apps keep of a user. The rules; they know nothing of HTTP.

A scope is the way into nested objects, one key after the other; without any it is all of a namespace. As in
Canvas, null in an object is nothing: it can be written over from below, and ``set_data`` says "new" of it.

What writes runs in the caller's transaction, which holds the user's row lock: of two calls that change two
scopes at once neither is lost.
"""

from collections.abc import Sequence
from typing import Any

import orjson

from canvas_channels.core.identity.custom_data.models import CustomData
from canvas_channels.core.identity.models import User

MAX_BYTES = 64 * 1024
MAX_NAMESPACES = 50
MAX_NAMESPACE = 255  # characters

Scope = Sequence[str]


class CustomDataError(Exception):
    """The root."""


class NoData(CustomDataError):
    """There is nothing at the scope."""


class DataRefused(CustomDataError):
    """A limit; ``attribute`` is the parameter's name, ``kind`` a slug for programs."""

    def __init__(self, attribute: str, kind: str, message: str) -> None:
        super().__init__(message)
        self.attribute = attribute
        self.kind = kind
        self.message = message


class WriteConflict(CustomDataError):
    """An outer scope holds ``value``, which is no object and would be lost."""

    def __init__(self, scope: Scope, value: Any) -> None:
        super().__init__("write conflict for custom_data hash")
        self.scope = scope
        self.value = value


def get_data(user: User, namespace: str, scope: Scope) -> Any:
    """What is kept at the scope. Raises :class:`NoData`."""
    here = _load(_found(user, namespace))
    for key in scope:
        if not isinstance(here, dict) or key not in here:
            raise NoData
        here = here[key]
    return here


def set_data(user: User, namespace: str, scope: Scope, value: Any) -> bool:
    """Keep ``value`` at the scope; returns whether there was nothing before.

    Raises :class:`WriteConflict` and :class:`DataRefused`.
    """
    row = CustomData.objects.filter(user=user, namespace=namespace).first()
    root = {"data": _load(row)} if row else {}
    here, path = root, ["data", *scope]
    for depth, key in enumerate(path[:-1]):
        if here.get(key) is None:
            here[key] = {}
        here = here[key]
        if not isinstance(here, dict):
            raise WriteConflict(scope[:depth], here)
    new = here.get(path[-1]) is None
    here[path[-1]] = value
    if row is None:
        if CustomData.objects.filter(user=user).count() >= MAX_NAMESPACES:
            raise DataRefused("ns", "too_many", f"there are {MAX_NAMESPACES} namespaces, which is the most")
        row = CustomData(user=user, namespace=namespace)
    row.data = _dump(root["data"])
    row.save()
    return new


def delete_data(user: User, namespace: str, scope: Scope) -> Any:
    """Forget what is kept at the scope, and the objects around it that become empty; returns what it was.

    Raises :class:`NoData`.
    """
    row = _found(user, namespace)
    root = {"data": _load(row)}
    around, here = [], root
    path = ["data", *scope]
    for key in path:
        if not isinstance(here, dict) or key not in here:
            raise NoData
        around.append(here)
        here = here[key]
    for outer, key in zip(reversed(around), reversed(path), strict=True):
        del outer[key]
        if outer:
            break
    if root:
        row.data = _dump(root["data"])
        row.save()
    else:
        row.delete()
    return here


def exported(user: User) -> list[dict[str, Any]]:
    """All of it, by namespace."""
    rows = CustomData.objects.filter(user=user).order_by("namespace")
    return [
        {
            "namespace": row.namespace,
            "data": orjson.Fragment(row.data),
            "created_at": row.created_at,
            "updated_at": row.updated_at,
        }
        for row in rows
    ]


def _found(user: User, namespace: str) -> CustomData:
    row = CustomData.objects.filter(user=user, namespace=namespace).first()
    if row is None:
        raise NoData
    return row


def _load(row: CustomData) -> Any:
    return orjson.loads(row.data)


def _dump(value: Any) -> str:
    try:
        text = orjson.dumps(value)
    except orjson.JSONEncodeError as error:  # it writes objects in objects less deep than it reads them
        raise DataRefused("data", "too_deep", "is nested too deep") from error
    if len(text) > MAX_BYTES:
        raise DataRefused("data", "too_long", f"a namespace may hold {MAX_BYTES} bytes")
    return text.decode()
