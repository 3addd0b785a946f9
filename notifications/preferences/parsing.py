"""The shapes in which clients send preferences (docs/contract.md, section 5).

An object, as forms, queries and JSON make it; or an array of objects, in the manner of JSON API.
"""

from collections.abc import Iterator

from canvas_channels.core.rest.errors import InvalidParameter
from canvas_channels.core.rest.params import Params, boolean, flag, nested, text
from channels_api.errors import Reason
from notifications.preferences.defaults import Change

PREFERENCES = "notification_preferences"
DEFAULTS = "notification_preference_defaults"


def one_frequency(params: Params) -> str | None:
    """``notification_preferences[frequency]=``, or the first of an array (as Canvas); None: not given."""
    value = params.get(PREFERENCES)
    if isinstance(value, list):
        value = value[0] if value else None
    return _frequency(value)


def frequencies(params: Params) -> dict[str, str | None]:
    """Frequencies by the notifications' slugs; of one named twice the last counts. 400 for none at all.

    ``{"<slug>": {"frequency": ...}}``, ``[{"notification": "<slug>", "frequency": ...}]``, or the
    array with indexes for keys, as some libraries put it into a form.
    """
    value = params.get(PREFERENCES)
    if isinstance(value, list):
        named = [(_name(entry, "notification"), entry) for entry in value]
    else:
        named = [(_key(key, entry), entry) for key, entry in nested(params, PREFERENCES).items()]
    if not named:
        raise InvalidParameter(PREFERENCES, Reason.BLANK, "can't be blank")
    return {name: _frequency(entry) for name, entry in named}


def defaults(params: Params) -> list[Change]:
    """``{"<category>": {"<type>": {"frequency": ...}}}``, or an array of ``{category, type, frequency}``.

    ``mandatory`` may stand beside the types, or beside the category in an array. 400 for none at all.
    """
    value = params.get(DEFAULTS)
    if isinstance(value, list):
        found = [
            Change(
                _name(entry, "category"),
                text(entry.get("type")),
                _frequency(entry),
                flag(entry, "mandatory"),
            )
            for entry in value
        ]
    else:
        found = list(_tree(nested(params, DEFAULTS)))
    if not found:
        raise InvalidParameter(DEFAULTS, Reason.BLANK, "can't be blank")
    return found


def apply_to_existing(params: Params) -> bool:
    return boolean(params.get("apply_to_existing"))


def _tree(categories: Params) -> Iterator[Change]:
    for category in categories:
        entry = nested(categories, category)
        mandatory = flag(entry, "mandatory")
        types = {key: value for key, value in entry.items() if key != "mandatory"}
        for type_, given in types.items():
            yield Change(category, type_, _frequency(given), mandatory)
        if not types:
            yield Change(category, None, None, mandatory)


def _frequency(entry: object) -> str | None:
    return text(entry.get("frequency")) if isinstance(entry, dict) else None


def _name(entry: object, key: str) -> str:
    name = text(entry.get(key)) if isinstance(entry, dict) else None
    if not name:
        raise InvalidParameter(key, Reason.BLANK, "can't be blank")
    return name


def _key(key: str, entry: object) -> str:
    """An index is no name: then the entry has it."""
    return _name(entry, "notification") if key.isdecimal() else key
