"""What a request to send a notification may say: each value that is refused, with nothing written."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob
from pytest_django import Settings

from canvas_channels.core.identity.models import User
from channels_api.models import AuditEntry
from notifications.models import Dispatch, DispatchRecipient
from tests.api.conftest import ApiClient
from tests.factories import load_catalogue, make_admin

PATH = "/accounts/self/notifications"
GIVEN = {"notification": "alert", "user_ids": ["1"], "subject": "S", "body": "B"}
URL = "https://lms.example.edu/"
HTML_BYTES = 100 * 1024


@pytest.fixture
def client(db: None, as_user: Callable[..., ApiClient]) -> ApiClient:
    load_catalogue()
    return as_user(make_admin())


def nothing_is_written() -> bool:
    models: list[Any] = [Dispatch, DispatchRecipient, ProcrastinateJob, AuditEntry]
    return not any(model.objects.exists() for model in models)


REFUSED: dict[str, list[tuple[Any, str]]] = {
    "notification": [
        *((None, "blank"), ("", "blank"), ("no_such_thing", "inclusion"), ("a\x00", "invalid")),
        *(("x" * 256, "max_length"), (["alert"], "invalid"), ({"slug": "alert"}, "invalid")),
    ],
    "user_ids": [
        *((None, "blank"), ([], "blank"), ([""], "blank"), ("1", "invalid"), ({"0": 1}, "invalid")),
        *(([None], "invalid"), ([["1"]], "invalid"), ([1, {}], "invalid")),
        (["1"] * 10_001, "too_many"),
    ],
    "subject": [
        *((None, "blank"), ("", "blank"), (" \t", "blank"), ("  ", "blank"), ("\u200b", "blank")),
        *(("a\nb", "invalid"), ("a\r\nBcc: x@example.com", "invalid"), ("a\x00", "invalid")),
        *(("a\x1b", "invalid"), ("a\u2028b", "invalid"), ("a\x85b", "invalid"), ("x" * 256, "max_length")),
    ],
    "body": [
        *((None, "blank"), ("", "blank"), (" \n ", "blank"), ("a\x00", "null_characters_not_allowed")),
        *(("x" * 65_537, "max_length"), ("\u20ac" * 21_846, "max_length"), (["x"], "invalid")),
    ],
    "html_body": [
        *((f"<p>{'x' * (HTML_BYTES - 2)}", "max_length"), ("a\x00", "null_characters_not_allowed")),
        ("\u20ac" * (HTML_BYTES // 3 + 1), "max_length"),
    ],
    "short": [("x" * 241, "max_length"), ("a\x1b", "invalid"), ("\x00", "invalid")],
    "url": [
        *(("javascript:alert(1)", "invalid"), ("JavaScript://x.example/%0aalert(1)", "invalid")),
        *(("data:text/html,x", "invalid"), ("/courses/7", "invalid"), ("//lms.example.edu/", "invalid")),
        *(("lms.example.edu", "invalid"), ("https://", "invalid"), ("https:lms.example.edu", "invalid")),
        *(("https://a b.example/", "invalid"), ("https://lms.example.edu/a b", "invalid")),
        *(
            ("https://lms.example.edu/\nx", "invalid"),
            ("https://[::1", "invalid"),
            ("ftp://a.example", "invalid"),
        ),
        (URL + "x" * (2049 - len(URL)), "max_length"),
    ],
    "from_name": [("a\nb", "invalid"), ("x" * 81, "max_length"), (["x"], "invalid")],
    "course_id": [
        *((0, "min_value"), (-1, "min_value"), ("x", "invalid"), (1.5, "invalid"), (True, "invalid")),
        *((2**63, "max_value"), (2**70, "invalid"), ("9" * 5000, "invalid"), ([1], "invalid")),
    ],
    "course_name": [("a\nb", "invalid"), ("x" * 256, "max_length")],
    "object_id": [("a\nb", "invalid"), ("x" * 256, "max_length"), ({"a": 1}, "invalid")],
}


@pytest.mark.parametrize(
    ("name", "value", "kind"), [(name, *one) for name, cases in REFUSED.items() for one in cases]
)
def test_is_refused(client: ApiClient, name: str, value: Any, kind: str) -> None:
    answer = client.call("POST", PATH, json=GIVEN | {name: value})
    assert answer.status_code == 400
    [(attribute, [error])] = answer.json()["errors"].items()
    assert (attribute, error["attribute"], error["type"]) == (name, name, kind)
    assert error["message"]
    assert nothing_is_written()


@pytest.mark.parametrize("name", ["notification", "user_ids", "subject", "body"])
def test_is_required(client: ApiClient, name: str) -> None:
    answer = client.call("POST", PATH, json={key: one for key, one in GIVEN.items() if key != name})
    assert answer.json()["errors"] == {
        name: [{"attribute": name, "type": "blank", "message": "can't be blank"}]
    }
    assert nothing_is_written()


LARGEST: dict[str, Any] = {
    "user_ids": ["1"] * 10_000,
    "subject": "x" * 255,
    "body": "\u20ac" * 21_845 + "x",
    "html_body": f"<p>{'x' * (HTML_BYTES - 7)}</p>",
    "short": "\U0001f600" * 240,
    "url": URL + "x" * (2048 - len(URL)),
    "from_name": "\xfc" * 80,
    "course_id": 2**63 - 1,
    "course_name": "x" * 255,
    "object_id": "x" * 255,
}


def test_the_largest_of_everything(client: ApiClient) -> None:
    assert client.call("POST", PATH, json=GIVEN | LARGEST).status_code == 200
    row = Dispatch.objects.get()
    assert {name: getattr(row, name) for name in LARGEST if name != "user_ids"} == {
        name: one for name, one in LARGEST.items() if name != "user_ids"
    }
    assert row.recipients_count == 10_000


def test_long_names_and_escaped_texts_are_within_the_limit_of_a_body(client: ApiClient) -> None:
    names = [f"sis_login_id:{'x' * 250}{number}" for number in range(10_000)]
    given = {"user_ids": names, "html_body": "\u20ac" * 34_000, "body": "\u20ac" * 21_000}
    assert client.call("POST", PATH, json=GIVEN | given).status_code == 200


def test_a_larger_body_is_none(client: ApiClient) -> None:
    body = json.dumps(GIVEN | {"x": "x" * 10 * 2**20})
    assert client.call("POST", PATH, body, content_type="application/json").status_code == 413
    assert nothing_is_written()


@pytest.mark.parametrize("count", [900, 1001])
def test_a_form_names_nine_hundred(client: ApiClient, count: int) -> None:
    fields = [("notification", "alert"), ("subject", "S"), ("body", "B")]
    fields += [("user_ids[]", f"sis_user_id:{number}") for number in range(count)]
    answer = client.call("POST", PATH, urlencode(fields))
    assert answer.status_code == (200 if count == 900 else 400)
    assert answer.status_code == 200 or nothing_is_written()


@pytest.mark.parametrize(
    "value",
    ["", None, "https://lms.example.edu", "https://lms.example.edu:8443/a?b=c#d", "https://10.0.0.1/"],
)
def test_a_url(client: ApiClient, value: Any) -> None:
    assert client.call("POST", PATH, json=GIVEN | {"url": value}).status_code == 200
    assert Dispatch.objects.get().url == (value or "")


@pytest.mark.parametrize("https", [False, True])
def test_http_only_where_the_service_itself_is_reached_so(
    client: ApiClient, settings: Settings, https: bool
) -> None:
    settings.HTTPS = https
    answer = client.call("POST", PATH, json=GIVEN | {"url": "http://localhost:8000/courses/7"})
    assert answer.status_code == (400 if https else 200)


@pytest.mark.parametrize("value", ["alert", "Alert", " Alert "])
def test_a_notification_by_slug_or_name(client: ApiClient, value: str) -> None:
    assert client.call("POST", PATH, json=GIVEN | {"notification": value}).json()["notification"] == "alert"


@pytest.mark.parametrize(("value", "kept"), [("7", 7), (" 7 ", 7), ("", None), (None, None)])
def test_a_course(client: ApiClient, value: Any, kept: int | None) -> None:
    assert client.call("POST", PATH, json=GIVEN | {"course_id": value}).status_code == 200
    assert Dispatch.objects.get().course_id == kept


def test_texts_are_kept_as_they_are_but_for_white_space_around_a_line(client: ApiClient) -> None:
    body = " One\r\n\r\n\ttwo \u202e\U0001f600\n"
    assert client.call("POST", PATH, json=GIVEN | {"subject": " S ", "body": body}).status_code == 200
    row = Dispatch.objects.get()
    assert (row.subject, row.body) == ("S", body)


def test_in_the_query(client: ApiClient, user: User) -> None:
    query = f"notification=alert&subject=S&body=B&user_ids[]={quote(str(user.pk))}"
    assert client.call("POST", f"{PATH}?{query}").status_code == 200
