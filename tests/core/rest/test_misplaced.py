"""What clients are told that send a value in a shape that is not read."""

import json
from typing import Any

import pytest

from canvas_channels.core.rest.params import misplaced
from tests.api.conftest import ApiClient
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
        ({' {"communication_channel"': ""}, "type", AS_JSON),
        ({"per_page": "1"}, "order", None),
    ],
)
def test_where_a_value_belongs(params: dict[str, Any], attribute: str, told: str | None) -> None:
    assert misplaced(params, attribute, CHANNEL) == told


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
    assert message(client, "POST", "/users/self/communication_channels", json.dumps(JSON)).endswith(AS_JSON)
    assert message(client, "PUT", channel, "address=new@example.edu").endswith(
        "send it as communication_channel[address]"
    )
    frequency = f"{channel}/notification_preferences/new_announcement"
    assert message(client, "PUT", frequency, "frequency=daily").endswith(
        "send it as notification_preferences[frequency]"
    )


def test_users_say_so() -> None:
    admin = make_admin()
    account = admin.home_account_id
    flat = "unique_id=new@example.edu&name=New"
    said = message(ApiClient(make_token(admin)), "POST", f"/accounts/{account}/users", flat)
    assert said == "can't be blank: send it as user[name]"
    nested_name = "unique_id=new@example.edu&user[name]=New"
    said = message(ApiClient(make_token(admin)), "POST", f"/accounts/{account}/users", nested_name)
    assert said.endswith("send it as pseudonym[unique_id]")
