"""Admin scripts in curl, as the API's documentation writes them."""

import json
import subprocess
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from channels_api.models import CommunicationChannel
from tests.factories import make_channel, make_site_admin, make_token, make_user
from tests.live import LiveServer
from tests.programs import need

pytestmark = pytest.mark.django_db(transaction=True)

Curl = Callable[..., tuple[int, Any]]


@pytest.fixture
def curl(server: LiveServer) -> Curl:
    need("curl")

    def run(path: str, *arguments: str, token: str) -> tuple[int, Any]:
        command = ["curl", "--silent", "--globoff", "--noproxy", "*", "--max-time", "20"]
        command += ["--write-out", "\n%{http_code}", "-H", f"Authorization: Bearer {token}", *arguments]
        shown = subprocess.run(
            [*command, f"{server.api}/users/{path}"], capture_output=True, check=True, timeout=30
        )
        body, _, status = shown.stdout.decode().rpartition("\n")
        return int(status), json.loads(body)

    return run


def form(address: str, type_: str = "email") -> list[str]:
    fields = [f"communication_channel[address]={address}", f"communication_channel[type]={type_}"]
    return [argument for field in fields for argument in ("-d", field)]


def test_a_form_creates(curl: Curl) -> None:
    token = make_token(make_user())
    status, channel = curl("self/communication_channels", *form("new@example.edu"), token=token)
    assert (status, channel["address"]) == (200, "new@example.edu")
    assert channel["workflow_state"] == "unconfirmed"


def test_an_admin_skips_the_confirmation(curl: Curl) -> None:
    user = make_user()
    token = make_token(make_site_admin())
    path = f"{user.pk}/communication_channels"
    status, channel = curl(path, *form("new@example.edu"), "-d", "skip_confirmation=true", token=token)
    assert (status, channel["user_id"], channel["workflow_state"]) == (200, user.pk, "active")


def test_json_creates(curl: Curl) -> None:
    value = json.dumps({"communication_channel": {"address": "+1 626 555 0100", "type": "sms"}})
    arguments = ["-H", "Content-Type: application/json", "-d", value]
    token = make_token(make_user())
    status, channel = curl("self/communication_channels", *arguments, token=token)
    assert (status, channel["address"]) == (200, "+16265550100")


def test_multipart_creates(curl: Curl) -> None:
    arguments = ["-F", "communication_channel[address]=new@example.edu"]
    arguments += ["-F", "communication_channel[type]=email"]
    token = make_token(make_user())
    status, channel = curl("self/communication_channels", *arguments, token=token)
    assert (status, channel["address"]) == (200, "new@example.edu")


def test_a_post_without_a_body(curl: Curl) -> None:
    token = make_token(make_user())
    status, body = curl("self/communication_channels", "-X", "POST", token=token)
    assert status == 400
    assert body["errors"]["type"][0]["attribute"] == "type"


@pytest.mark.parametrize("where", ["query", "form"])
def test_acting_as(curl: Curl, where: str) -> None:
    user = make_user()
    path = "self/communication_channels" + (f"?as_user_id={user.pk}" if where == "query" else "")
    acting = ["-d", f"as_user_id={user.pk}"] if where == "form" else []
    token = make_token(make_site_admin())
    status, channel = curl(path, *form("new@example.edu"), *acting, token=token)
    assert (status, channel["user_id"]) == (200, user.pk)


def test_acting_without_the_right(curl: Curl) -> None:
    path = f"self/communication_channels?as_user_id={make_user().pk}"
    answer = curl(path, token=make_token(make_user()))
    assert answer == (401, {"errors": "Invalid as_user_id"})


@pytest.mark.parametrize("safe", ["", "@+"])
def test_delete_by_an_encoded_address(curl: Curl, safe: str) -> None:
    user = make_user()
    channel = make_channel(user, "First.Last+tag@Sub.Example.edu")
    path = f"self/communication_channels/email/{quote('first.last+TAG@sub.example.edu', safe=safe)}"
    status, answer = curl(path, "-X", "DELETE", token=make_token(user))
    assert (status, answer["id"], answer["workflow_state"]) == (200, channel.pk, "retired")


def test_delete_of_a_number(curl: Curl) -> None:
    user = make_user()
    make_channel(user, "+16265550100", "sms")
    path = "self/communication_channels/sms/%2B16265550100"
    status, _ = curl(path, "-X", "DELETE", token=make_token(user))
    assert status == 200
    assert CommunicationChannel.objects.get().workflow_state == "retired"


def test_a_body_that_is_too_large(curl: Curl) -> None:
    status, body = curl(
        "self/communication_channels",
        *form("a" * (2**16)),
        *["-d", "padding=" + "a" * (2**16)] * 15,
        token=make_token(make_user()),
    )
    assert status == 413
    assert body["errors"][0]["message"]
