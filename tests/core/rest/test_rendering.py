"""What Canvas's JSON looks like."""

from datetime import UTC, datetime

import pytest

from canvas_channels.core.rest.rendering import CanvasJSONRenderer, stringify_ids


def test_only_ids_become_strings() -> None:
    value = {"id": 1, "user_id": 2, "position": 3, "rows": [{"id": 4}], "grid": "id", "context_id": None}
    expected = {
        "id": "1",
        "user_id": "2",
        "position": 3,
        "rows": [{"id": "4"}],
        "grid": "id",
        "context_id": None,
    }
    assert stringify_ids(value) == expected


def test_datetimes_are_utc_in_whole_seconds() -> None:
    rendered = CanvasJSONRenderer().render({"at": datetime(2012, 5, 30, 17, 0, 0, 999, tzinfo=UTC)})
    assert rendered == b'{"at":"2012-05-30T17:00:00Z"}'


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(TypeError):
        CanvasJSONRenderer().render({"at": object()})


def test_nothing_is_rendered_as_nothing() -> None:
    assert CanvasJSONRenderer().render(None) == b""
