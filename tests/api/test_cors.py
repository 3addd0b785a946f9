"""Front ends on other hosts: those that are named may call the API, with a token, and nothing else."""

from collections.abc import Mapping

import pytest
from django.conf import settings as ours
from django.test import Client
from pytest_django import Settings

from canvas_channels.core.identity.models import User
from tests.factories import make_token

FRONT_END = "https://app.example.edu"
CHANNELS = "/api/v1/users/self/communication_channels"
ALLOWED = "Access-Control-Allow-Origin"


@pytest.fixture
def client(settings: Settings) -> Client:
    settings.CORS_ALLOWED_ORIGINS = [FRONT_END]
    first, *others = ours.MIDDLEWARE
    settings.MIDDLEWARE = [first, "corsheaders.middleware.CorsMiddleware", *others]
    return Client()


def preflight(
    client: Client, path: str, origin: str = FRONT_END, method: str = "DELETE"
) -> Mapping[str, str]:
    asked = {
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,idempotency-key",
    }
    return client.options(path, headers={"Origin": origin, **asked}).headers


@pytest.mark.parametrize(
    "path", [CHANNELS, "/confirmations/1/re_send/1", "/login/oauth2/token", "/register/x"]
)
def test_a_named_front_end_may_ask_first(client: Client, path: str) -> None:
    answer = preflight(client, path)
    assert answer[ALLOWED] == FRONT_END
    assert "DELETE" in answer["Access-Control-Allow-Methods"]
    assert "authorization" in answer["Access-Control-Allow-Headers"]
    assert "idempotency-key" in answer["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x"}], ids=["session", "token"])
def test_refusals_can_be_read(client: Client, db: None, headers: dict[str, str]) -> None:
    """Calls with a token take a short way round most of the middleware, but not round this."""
    answer = client.get(CHANNELS, headers={"Origin": FRONT_END, **headers})
    assert answer.status_code == 401
    assert answer[ALLOWED] == FRONT_END
    assert "WWW-Authenticate" in answer["Access-Control-Expose-Headers"]


def test_headers_can_be_read(client: Client, user: User) -> None:
    token = {"Authorization": f"Bearer {make_token(user)}"}
    answer = client.get(CHANNELS, headers={"Origin": FRONT_END, **token})
    exposed = set(answer["Access-Control-Expose-Headers"].split(", "))
    assert {"Link", "X-Request-Cost", "X-Rate-Limit-Remaining"} <= exposed & answer.headers.keys()


def test_a_path_that_does_not_exist_is_a_404_to_front_ends_too(client: Client) -> None:
    answer = client.get("/api/v1/nothing", headers={"Origin": FRONT_END, "Authorization": "Bearer x"})
    assert (answer.status_code, answer[ALLOWED]) == (404, FRONT_END)


@pytest.mark.parametrize("origin", ["https://evil.example", "https://app.example.edu.evil.example", "null"])
def test_others_are_told_nothing(client: Client, origin: str) -> None:
    assert ALLOWED not in preflight(client, CHANNELS, origin)


@pytest.mark.parametrize("path", ["/login", "/", "/login/oauth2/auth", "/profile/communication", "/admin/"])
def test_pages_are_not_for_front_ends_elsewhere(client: Client, db: None, path: str) -> None:
    assert ALLOWED not in preflight(client, path)
    assert ALLOWED not in client.get(path, headers={"Origin": FRONT_END}).headers


def test_nothing_is_there_unless_it_is_configured() -> None:
    assert not [name for name in ours.MIDDLEWARE if "cors" in name]
