"""JSON that others send is read as deep as it can be written again."""

import json

import orjson
import pytest

from canvas_channels.core.json_text import MAX_DEPTH, loads

SHAPES = [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]"), ('[1,{"b":[],"a":', "}]")]


@pytest.mark.parametrize(("start", "end"), SHAPES)
@pytest.mark.parametrize("depth", [MAX_DEPTH + 2, 300, 500, 1_000, 100_000])
def test_what_is_deeper_is_refused(start: str, end: str, depth: int) -> None:
    with pytest.raises(json.JSONDecodeError):
        loads((start * depth + "1" + end * depth).encode())


@pytest.mark.parametrize(("start", "end"), [("[", "]"), ('{"a":', "}")])
@pytest.mark.parametrize("depth", [1, 16, 200, MAX_DEPTH])
def test_what_is_read_can_be_written(start: str, end: str, depth: int) -> None:
    text = (start * depth + "1" + end * depth).encode()
    assert orjson.dumps(loads(text)) == text


@pytest.mark.parametrize("text", ["[" + "[]," * 1_000 + "1]", '["' + "[{" * 1_000 + '"]'])
def test_many_brackets_are_not_deep(text: str) -> None:
    assert loads(text.encode()) == json.loads(text)
