"""What clients are told that send a value in a shape that is not read."""

import json
from dataclasses import replace
from typing import Any

import pytest

from canvas_channels.core.rest.params import misplaced
from tests.api.conftest import ApiClient
from tests.api.endpoints import ENDPOINTS, Endpoint, World
from tests.factories import make_admin, make_channel, make_token, make_user

CHANNEL = {"type": "communication_channel", "address": "communication_channel"}
JSON = {"communication_channel": {"type": "email", "address": "new@example.edu"}}
AS_JSON = "the body is JSON, so send it with Content-Type: application/json"

pytestmark = [pytest.mark.django_db, pytest.mark.in_process]


@pytest.mark.parametrize(
    ("params", "attribute", "told"),
    [
        ({}, "type", None),
        ({"communication_channel": {"address": "x"}}, "type", None),
        ({"communication_channel": {"address": "x"}, "type": "email"}, "type", None),
        ({"type": "email"}, "type", "send it as communication_channel[type]"),
        ({"type": "email"}, "address", None),
        ({"address": "x"}, "communication_channel", "send it as communication_channel[address]"),
        ({"address": "x"}, "communication_channel[address]", "send it as communication_channel[address]"),
        ({"per_page": "1"}, "order", None),
    ],
)
def test_where_a_value_belongs(params: dict[str, Any], attribute: str, told: str | None) -> None:
    assert misplaced(params, attribute, CHANNEL) == told


def test_objects_with_names_of_their_own() -> None:
    defaults = {"frequency": "defaults[<category>]"}
    assert misplaced({"frequency": "x"}, "defaults", defaults) == "send it as defaults[<category>][frequency]"
    assert misplaced({"alert": {"frequency": "x"}}, "defaults", defaults) == "send it as defaults[alert]"
    assert misplaced({"defaults": {}, "alert": {"frequency": "x"}}, "defaults", defaults) is None


def message(client: ApiClient, method: str, path: str, body: str) -> str:
    answer = client.call(method, path, body)
    assert answer.status_code == 400
    [[error]] = answer.json()["errors"].values()
    return str(error["message"])


def test_channels_and_preferences_say_so() -> None:
    user = make_user()
    channel = f"/users/self/communication_channels/{make_channel(user).pk}"
    client = ApiClient(make_token(user))
    flat = "type=email&address=new@example.edu"
    assert message(client, "POST", "/users/self/communication_channels", flat) == (
        "must be email, sms or push: send it as communication_channel[type]"
    )
    assert message(client, "POST", "/users/self/communication_channels", json.dumps(JSON)) == (
        f"{AS_JSON}, or as a form's communication_channel[type]"
    )
    assert message(client, "PUT", channel, "address=new@example.edu").endswith(
        "send it as communication_channel[address]"
    )
    frequency = f"{channel}/notification_preferences/new_announcement"
    assert message(client, "PUT", frequency, "frequency=daily").endswith(
        "send it as notification_preferences[frequency]"
    )


@pytest.mark.parametrize(
    ("method", "path", "form", "told"),
    [
        ("PUT", "/users/self", "name=New", "is not read here: send it as user[name]"),
        ("PUT", "/users/self", "locale=de&per_page=1", "is not read here: send it as user[locale]"),
        ("POST", "/accounts/self/users", "unique_id=n&name=New", "can't be blank: send it as user[name]"),
        (
            *("POST", "/accounts/self/users", "unique_id=n&user[name]=New"),
            "can't be blank: send it as pseudonym[unique_id]",
        ),
        (
            *("POST", "/accounts/self/users", "pseudonym[unique_id]=n&user[name]=New&address=n@example.edu"),
            "is not read here: send it as communication_channel[address]",
        ),
        (
            *("PUT", "/accounts/self/notification_preference_defaults", "alert[email][frequency]=daily"),
            "can't be blank: send it as notification_preference_defaults[alert]",
        ),
        (
            *("PUT", "/accounts/self/notification_preference_defaults", "frequency=daily"),
            "can't be blank: send it as notification_preference_defaults[<category>][<type>][frequency]",
        ),
    ],
)
def test_what_would_be_ignored_is_refused(method: str, path: str, form: str, told: str) -> None:
    admin = make_admin()
    assert message(ApiClient(make_token(admin)), method, path, form) == told
    assert type(admin).objects.count() == 1
    admin.refresh_from_db()
    assert admin.name != "New"


def test_a_user_without_any_parameter_is_shown() -> None:
    assert ApiClient(make_token(make_user())).call("PUT", "/users/self").status_code == 200


TAKE_A_FORM = [endpoint for endpoint in ENDPOINTS if endpoint.method in {"POST", "PUT"}]


@pytest.mark.parametrize("endpoint", TAKE_A_FORM, ids=str)
def test_no_call_does_without_json_that_came_as_a_form(endpoint: Endpoint) -> None:
    world = World()
    said = replace(endpoint, form='{{"a": {{"b": [1, "c=d&e"]}}}}').call(
        ApiClient(make_token(world.owner)), world
    )
    assert said.status_code == 400
    assert AS_JSON in said.text
