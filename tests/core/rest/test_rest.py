"""The protocol's pure parts, as tables."""

from datetime import UTC, datetime

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404, QueryDict
from django.test import RequestFactory
from rest_framework.exceptions import NotAcceptable

from canvas_channels.core.rest import handlers
from canvas_channels.core.rest.params import boolean, expand, merge, nested, text
from canvas_channels.core.rest.rendering import CanvasJSONRenderer, stringify_ids


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


def test_nested_is_empty_for_what_is_no_object() -> None:
    assert nested({"a": "x"}, "a") == nested({}, "a") == {}


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


@pytest.mark.parametrize(
    ("raised", "status"),
    [(Http404(), 404), (PermissionDenied(), 403), (NotAcceptable(), 406), (ValueError(), 500)],
)
def test_whatever_a_view_raises_has_an_answer(raised: Exception, status: int) -> None:
    answer = handlers.exception_handler(raised, {})
    assert answer.status_code == status
    assert answer.data["errors"][0]["message"]


@pytest.mark.parametrize("path", ["/api/v1/x", "/confirmations/1/x"])
def test_faults_outside_a_view_are_json_under_the_api(path: str) -> None:
    request = RequestFactory().get(path)
    answers = [
        handlers.bad_request(request, ValueError()),
        handlers.not_found(request, Http404()),
        handlers.server_error(request),
    ]
    assert [answer.status_code for answer in answers] == [400, 404, 500]
    assert {answer["Content-Type"] for answer in answers} == {"application/json"}


def test_faults_elsewhere_are_pages() -> None:
    request = RequestFactory().get("/profile")
    answers = [
        handlers.bad_request(request, ValueError()),
        handlers.not_found(request, Http404()),
        handlers.server_error(request),
    ]
    assert [answer.status_code for answer in answers] == [400, 404, 500]
    assert {answer["Content-Type"].split(";")[0] for answer in answers} == {"text/html"}
