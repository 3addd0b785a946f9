"""Parameters as Rails reads them, as tables."""

import pytest
from django.http import QueryDict

from canvas_channels.core.rest.params import boolean, expand, merge, nested, text


@pytest.mark.parametrize(
    ("form", "params"),
    [
        ("", {}),
        ("a=1&a=2", {"a": "2"}),
        ("a[b]=1&a[c]=2", {"a": {"b": "1", "c": "2"}}),
        ("a[b][c]=1", {"a": {"b": {"c": "1"}}}),
        ("a[]=1&a[]=2", {"a": ["1", "2"]}),
        ("a[][b]=1&a[][c]=2&a[][b]=3", {"a": [{"b": "1", "c": "2"}, {"b": "3"}]}),
        ("a[]=1&a[][b]=2", {"a": [{"b": "2"}]}),
        ("a[][]=1", {"a": [{"": "1"}]}),
        ("a=1&a[b]=2", {"a": {"b": "2"}}),
        ("a[b]=1&a=2", {"a": "2"}),
        ("a[b=1", {"a[b": "1"}),
        ("[b]=1", {"[b]": "1"}),
        ("a" + "[b]" * 17 + "=1", {"a" + "[b]" * 17: "1"}),
        ("a%5Bb%5D=1", {"a": {"b": "1"}}),
    ],
)
def test_forms_nest_as_rails_nests_them(form: str, params: dict[str, object]) -> None:
    assert expand(QueryDict(form)) == params


def test_body_wins_key_by_key() -> None:
    query = {"a": {"b": 1, "c": 2}, "d": 3}
    assert merge(query, {"a": {"b": 9}, "d": {"e": 4}}) == {"a": {"b": 9, "c": 2}, "d": {"e": 4}}
    assert query == {"a": {"b": 1, "c": 2}, "d": 3}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *(("x", "x"), (True, "true"), (False, "false"), (5, "5"), (2.0, "2.0"), (1.5, "1.5")),
        *((None, None), ([], None), ({}, None)),
    ],
)
def test_text(value: object, expected: str | None) -> None:
    assert text(value) == expected


@pytest.mark.parametrize("value", ["true", "T", "YES", "y", "on", "1", True, 1])
def test_true(value: object) -> None:
    assert boolean(value)


@pytest.mark.parametrize("value", ["false", "f", "no", "off", "0", "", "maybe", None, False, 0, [], {}])
def test_false(value: object) -> None:
    assert not boolean(value)


def test_what_is_nested_as_deep_as_it_may_be_is_false() -> None:
    deep: list[object] = []
    for _ in range(1_000):
        deep = [deep]
    assert not boolean(deep)
    assert not boolean({"a": deep})


def test_nested_is_empty_for_what_is_no_object() -> None:
    assert nested({"a": "x"}, "a") == nested({}, "a") == {}
