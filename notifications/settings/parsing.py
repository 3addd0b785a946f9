"""The shapes in which clients send settings (docs/contract.md, sections 7.1 to 7.3)."""

from typing import Any

from canvas_channels.core.identity.callers import MAX_ID, MAX_ID_DIGITS
from canvas_channels.core.rest.errors import InvalidParameter
from canvas_channels.core.rest.params import Params, flag, text
from channels_api.errors import Reason
from notifications.settings.accounts import FLAGS, TIME_ZONE
from notifications.settings.courses import Override


def account_settings(params: Params) -> dict[str, bool | str]:
    """Those that are given; a time zone of null is empty."""
    found: dict[str, bool | str] = {}
    for name in FLAGS:
        value = flag(params, name)
        if value is not None:
            found[name] = value
    if TIME_ZONE in params:
        found[TIME_ZONE] = _text(params, TIME_ZONE)
    return found


def overrides(params: Params) -> list[Override]:
    """An array of ``{communication_channel_id, category, frequency}``; null and absent are none."""
    found = []
    for entry in _array(params, "overrides"):
        if not isinstance(entry, dict):
            raise InvalidParameter("overrides", Reason.INVALID, "must be a list of objects")
        found.append(
            Override(
                _id(entry.get("communication_channel_id")),
                text(entry.get("category")) or "",
                text(entry.get("frequency")),
            )
        )
    return found


def times(params: Params) -> tuple[str, str]:
    """``from`` and ``to``; null is empty. 400 where neither is given."""
    if "from" not in params and "to" not in params:
        raise InvalidParameter("from", Reason.BLANK, "can't be absent; empty times end the quiet hours")
    return _text(params, "from"), _text(params, "to")


def days(params: Params) -> list[str]:
    """An array of names; null and absent are none, and so are empty ones, of which forms make a list."""
    named = [text(entry) for entry in _array(params, "days")]
    return [name or "" for name in named if name != ""]


def _text(params: Params, key: str) -> str:
    value = params.get(key)
    if value is None:
        return ""
    told = text(value)
    if told is None:
        raise InvalidParameter(key, Reason.INVALID, "must be text")
    return told


def _array(params: Params, key: str) -> list[Any]:
    """A list, or one with indexes for keys, as some libraries put it into a form."""
    value = params.get(key)
    if value is None or value == "":
        return []
    if isinstance(value, dict) and all(index.isdecimal() for index in value):
        return list(value.values())
    if not isinstance(value, list):
        raise InvalidParameter(key, Reason.INVALID, "must be a list")
    return value


def _id(value: object) -> int | None:
    """A row's id, which may come as a string; None: it is none."""
    told = text(value) or ""
    if not told.isascii() or not told.isdecimal() or len(told) > MAX_ID_DIGITS:
        return None
    return int(told) if int(told) <= MAX_ID else None
