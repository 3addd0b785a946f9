"""JSON out: whatever the client accepts, with ids as strings for those who ask for it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from canvas_channels.core.rest.errors import timestamp

STRING_IDS = "application/json+canvas-string-ids"


def stringify_ids(value: Any) -> Any:
    """Every integer under ``id`` or ``*_id``, however deep, as a string."""
    if isinstance(value, Mapping):
        return {
            key: str(item) if _is_id(key) and isinstance(item, int) else stringify_ids(item)
            for key, item in value.items()
        }
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [stringify_ids(item) for item in value]
    return value


def _is_id(key: object) -> bool:
    return isinstance(key, str) and (key == "id" or key.endswith("_id"))


def _default(value: object) -> str:
    if isinstance(value, datetime):
        return timestamp(value)
    raise TypeError(type(value))


class CanvasJSONRenderer(BaseRenderer):
    """Datetimes in ISO 8601, UTC, whole seconds. Text is passed as it is (the rate limit's answer)."""

    media_type = "application/json"
    format = "json"
    charset = "utf-8"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        if data is None:
            return b""
        if isinstance(data, str):
            return data.encode()
        if accepted_media_type == STRING_IDS:
            data = stringify_ids(data)
        return orjson.dumps(data, default=_default, option=orjson.OPT_PASSTHROUGH_DATETIME)


class AlwaysJSON(BaseContentNegotiation):
    """An unknown ``Accept`` still gets JSON."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return None  # CanvasRequest reads the body itself

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        accept = request.META.get("HTTP_ACCEPT", "")
        return renderers[0], STRING_IDS if STRING_IDS in accept else "application/json"
