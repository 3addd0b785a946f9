"""JSON that others send."""

from typing import Any

import orjson

MAX_DEPTH = 254  # orjson writes no deeper, though it reads 1,024 levels


def loads(text: bytes) -> Any:
    """What ``orjson`` reads, and could write again. Raises :class:`orjson.JSONDecodeError`."""
    value = orjson.loads(text)
    if text.count(b"{") + text.count(b"[") > MAX_DEPTH:
        try:
            orjson.dumps(value)
        except orjson.JSONEncodeError as error:
            raise orjson.JSONDecodeError("nested too deep", "", 0) from error
    return value
