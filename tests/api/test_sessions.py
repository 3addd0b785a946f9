"""Calls of people who are signed in: every shape of body, the CSRF token, and headers of other schemes."""

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest
from django.test import Client
from django.test.client import MULTIPART_CONTENT, encode_multipart

from canvas_channels.core.identity.models import User
from channels_api.models import CommunicationChannel
from tests.api.endpoints import ENDPOINTS, Endpoint, World
from tests.factories import make_site_admin, make_token, make_user

pytestmark = pytest.mark.django_db

SELF = "/api/v1/users/self/communication_channels"
FORM = "application/x-www-form-urlencoded"
NEW = {"communication_channel[type]": "email", "communication_channel[address]": "new@example.edu"}
NESTED = {"communication_channel": {"type": "email", "address": "new@example.edu"}}
TOKEN = "a" * 32
BOUNDARY = "BoUnDaRyStRiNg"
UNSAFE = [endpoint for endpoint in ENDPOINTS if endpoint.method != "GET"]


def signed_in(user: User) -> Client:
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    client.cookies["csrftoken"] = TOKEN
    return client


@pytest.fixture
def penny() -> User:
    return make_user("Penny")


@pytest.fixture
def client(penny: User) -> Client:
    return signed_in(penny)


def form(**more: str) -> str:
    return "&".join(f"{name}={value}" for name, value in (NEW | more).items())


def shape(name: str, **more: str) -> dict[str, Any]:
    """The arguments of a request with :data:`NEW` in this shape."""
    shapes: dict[str, dict[str, Any]] = {
        "form": {"data": form(**more), "content_type": FORM},
        "json": {"data": json.dumps(NESTED | more), "content_type": "application/json"},
        "multipart": {"data": NEW | more},
        "query": {"query_params": NEW | more},
        "mixed": {"query_params": NEW, "data": "&".join(f"{k}={v}" for k, v in more.items()) or "a=1"}
        | {"content_type": FORM},
    }
    return shapes[name]


def assert_csrf(answer: Any) -> None:
    assert answer.status_code == 403
    assert answer["Content-Type"].startswith("application/json")
    assert answer.json()["status"] == "unauthorized"


SHAPES = ["form", "json", "multipart", "query", "mixed"]


@pytest.mark.parametrize("name", SHAPES)
def test_a_body_reaches_its_view_with_the_token_in_a_header(client: Client, name: str) -> None:
    answer = client.post(SELF, headers={"X-CSRFToken": TOKEN}, **shape(name))
    assert (answer.status_code, answer.json()["address"]) == (200, "new@example.edu")


@pytest.mark.parametrize("name", ["form", "multipart", "mixed"])
def test_a_form_may_hold_the_token(client: Client, name: str) -> None:
    answer = client.post(SELF, **shape(name, csrfmiddlewaretoken=TOKEN))
    assert (answer.status_code, answer.json()["address"]) == (200, "new@example.edu")


def test_the_query_may_not_hold_the_token(client: Client) -> None:
    assert_csrf(client.post(SELF, **shape("query", csrfmiddlewaretoken=TOKEN)))


@pytest.mark.parametrize("name", SHAPES)
def test_a_body_without_the_token_is_refused(client: Client, name: str) -> None:
    assert_csrf(client.post(SELF, **shape(name)))
    assert_csrf(client.post(SELF, headers={"X-CSRFToken": "b" * 32}, **shape(name)))
    assert_csrf(client.post(SELF, **shape(name, csrfmiddlewaretoken="b" * 32)))
    assert not CommunicationChannel.objects.exists()


def test_a_form_of_another_site_is_refused(client: Client) -> None:
    headers = {"X-CSRFToken": TOKEN, "Origin": "https://evil.example"}
    assert_csrf(client.post(SELF, headers=headers, **shape("form")))


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        ("{", "application/json", 400),
        ("no boundary", "multipart/form-data", 400),
        ("&".join(f"a{n}=1" for n in range(2000)), FORM, 400),
        ("<a/>", "application/xml", 415),
        ("a=" + "x" * 2**20, FORM, 413),
    ],
)
def test_a_body_that_cannot_be_read(client: Client, body: str, content_type: str, status: int) -> None:
    assert_csrf(client.post(SELF, body, content_type=content_type))
    answer = client.post(SELF, body, content_type=content_type, headers={"X-CSRFToken": TOKEN})
    assert answer.status_code == status
    assert answer.json()["errors"][0]["message"]


@pytest.mark.parametrize("endpoint", UNSAFE, ids=str)
@pytest.mark.parametrize("where", ["header", "form", "nowhere"])
def test_every_unsafe_call(endpoint: Endpoint, where: str) -> None:
    world = World()
    client = signed_in(world.owner if "self" in endpoint.allowed else make_site_admin())
    names = world.names()
    body = endpoint.form.format(**names)
    if where == "form":
        body = "&".join(filter(None, [body, f"csrfmiddlewaretoken={TOKEN}"]))
    headers = {"X-CSRFToken": TOKEN} if where == "header" else {}
    answer = client.generic(endpoint.method, endpoint.path.format(**names), body, FORM, headers=headers)
    if where == "nowhere":
        assert_csrf(answer)
    else:
        assert answer.status_code == 200, answer.content


@pytest.mark.parametrize("endpoint", UNSAFE, ids=str)
def test_every_unsafe_call_as_multipart(endpoint: Endpoint) -> None:
    world = World()
    client = signed_in(world.owner if "self" in endpoint.allowed else make_site_admin())
    fields = dict(parse_qsl(endpoint.form.format(**world.names()))) | {"csrfmiddlewaretoken": TOKEN}
    body = encode_multipart(BOUNDARY, fields)
    answer = client.generic(endpoint.method, endpoint.path.format(**world.names()), body, MULTIPART_CONTENT)
    assert answer.status_code == 200, answer.content


OTHER_SCHEMES = [
    *("Basic dXNlcjpwYXNz", "basic dXNlcjpwYXNz", 'Digest username="x"', "Negotiate YIIB", "NTLM TlRM"),
    *("Token abc", "Bearertoken", "Basic", "x", ""),
]


@pytest.mark.parametrize("authorization", OTHER_SCHEMES)
def test_a_session_counts_beside_another_scheme(client: Client, authorization: str) -> None:
    headers = {"Authorization": authorization}
    assert client.get(SELF, headers=headers).status_code == 200
    assert_csrf(client.post(SELF, headers=headers, **shape("form")))
    answer = client.post(SELF, headers=headers | {"X-CSRFToken": TOKEN}, **shape("json"))
    assert answer.status_code == 200


@pytest.mark.parametrize("authorization", OTHER_SCHEMES)
def test_another_scheme_alone_is_no_credentials(authorization: str) -> None:
    answer = Client().get(SELF, headers={"Authorization": authorization})
    assert (answer.status_code, answer.json()["status"]) == (401, "unauthenticated")


@pytest.mark.parametrize("authorization", OTHER_SCHEMES)
def test_a_token_in_the_query_counts_beside_another_scheme(penny: User, authorization: str) -> None:
    query = {"access_token": make_token(penny)}
    answer = Client().get(SELF, query, headers={"Authorization": authorization})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "authorization", ["Bearer x", "bearer x", "BEARER", "Bearer ", "Bearer\tx", "Bearer a b"]
)
@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_a_bad_token_is_refused_even_with_a_session(client: Client, authorization: str, method: str) -> None:
    headers = {"Authorization": authorization, "X-CSRFToken": TOKEN}
    answer: Any = getattr(client, method)(SELF, headers=headers)
    if method == "delete":
        answer = client.delete(f"{SELF}/push", headers=headers)
    assert answer.status_code == 401
    assert answer.json() == {"errors": [{"message": "Invalid access token."}]}
    assert "WWW-Authenticate" in answer


@pytest.mark.parametrize("shape_of_token", ["query", "form", "json"])
def test_a_bad_token_elsewhere_is_refused_even_with_a_session(client: Client, shape_of_token: str) -> None:
    answer = client.post(SELF, headers={"X-CSRFToken": TOKEN}, **shape(shape_of_token, access_token="x"))
    assert answer.json() == {"errors": [{"message": "Invalid access token."}]}


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_good_token_counts_before_a_session_and_needs_no_csrf_token(client: Client, scheme: str) -> None:
    leonard = make_user("Leonard")
    headers = {"Authorization": f"{scheme} {make_token(leonard)}"}
    answer = client.post(SELF, headers=headers, **shape("form"))
    assert (answer.status_code, answer.json()["user_id"]) == (200, leonard.pk)


@pytest.mark.parametrize(
    "path", [SELF, "/api/v1/users/self", "/api/v1/nothing", "/confirmations/1/limit_reached/1"]
)
@pytest.mark.parametrize("authorization", ["", "Bearer x", "Basic eDp5"])
def test_a_host_that_is_not_ours_is_refused_on_every_path(path: str, authorization: str) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    answer = Client().get(path, HTTP_HOST="evil.example", headers=headers)
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/json")


def test_a_host_that_is_not_ours_is_refused_before_anything_is_written(penny: User) -> None:
    headers = {"Authorization": f"Bearer {make_token(penny)}"}
    answer = Client().post(SELF, HTTP_HOST="evil.example", headers=headers, **shape("form"))
    assert answer.status_code == 400
    assert not CommunicationChannel.objects.exists()


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_come_with_any_host(path: str) -> None:
    assert Client().get(path, HTTP_HOST="10.0.0.1:8000").status_code == 200
