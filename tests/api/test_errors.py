"""Credentials, scopes, bodies that cannot be read, and faults (docs/contract.md, sections 1 and 2)."""

from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from django.test import Client

from canvas_channels.core.identity.models import DeveloperKey, User
from channels_api.models import CommunicationChannel
from tests.api.conftest import ApiClient
from tests.factories import make_channel, make_key, make_token

CHANNELS = "/users/self/communication_channels"
LIST_SCOPE = "url:GET|/api/v1/users/:user_id/communication_channels"
CHALLENGE = 'Bearer realm="canvas-lms"'


@pytest.mark.django_db
@pytest.mark.parametrize("path", [CHANNELS, "/users/999999/communication_channels", f"{CHANNELS}/1/resend"])
def test_no_credentials(path: str) -> None:
    answer = ApiClient().call("GET", path)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == CHALLENGE
    assert answer.json() == {
        "status": "unauthenticated",
        "errors": [{"message": "user authorization required"}],
    }


@pytest.mark.django_db
@pytest.mark.parametrize("sent", ["Token abc", "Basic YTpi", "abc", "token"])
@pytest.mark.in_process
def test_another_scheme_is_told_which_one_to_use(sent: str) -> None:
    answer = Client().get(f"/api/v1{CHANNELS}", headers={"authorization": sent})
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == CHALLENGE
    message = "user authorization required: send the token as Authorization: Bearer <token>"
    assert answer.json() == {"status": "unauthenticated", "errors": [{"message": message}]}


@pytest.mark.django_db
@pytest.mark.parametrize("token", ["", "nonsense", "a b", "é"])
@pytest.mark.in_process
def test_token_that_is_none(token: str) -> None:
    answer = ApiClient(token).call("GET", CHANNELS)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == CHALLENGE
    assert answer.json() == {"errors": [{"message": "Invalid access token."}]}


def test_expired_token(user: User) -> None:
    answer = ApiClient(make_token(user, expires=datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC))).call(
        "GET", CHANNELS
    )
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == CHALLENGE
    error = {"message": "Expired access token.", "expired_at": "2020-01-02T03:04:05Z"}
    assert answer.json() == {"errors": [error]}


def test_deactivated_user_and_key_are_a_bad_token(user: User) -> None:
    key = make_key()
    client = ApiClient(make_token(user, key))
    DeveloperKey.objects.update(workflow_state="inactive")
    assert client.call("GET", CHANNELS).json() == {"errors": [{"message": "Invalid access token."}]}
    DeveloperKey.objects.update(workflow_state="active")
    User.objects.update(workflow_state="deactivated")
    assert client.call("GET", CHANNELS).json() == {"errors": [{"message": "Invalid access token."}]}


@pytest.mark.parametrize("way", ["header", "query", "form", "json"])
def test_ways_to_bring_a_token(user: User, way: str) -> None:
    token = make_token(user)
    client = ApiClient(token if way == "header" else None)
    path = f"{CHANNELS}?access_token={token}" if way == "query" else CHANNELS
    form = f"access_token={token}" if way == "form" else ""
    answer = client.call("POST", path, form, {"access_token": token} if way == "json" else None)
    assert answer.status_code == 400
    assert "type" in answer.json()["errors"]


def test_scoped_token_reaches_only_what_its_scopes_name(user: User) -> None:
    client = ApiClient(make_token(user, make_key(require_scopes=True, scopes=[LIST_SCOPE]), [LIST_SCOPE]))
    channel = make_channel(user)
    assert client.call("GET", CHANNELS).status_code == 200
    assert client.call("HEAD", CHANNELS).status_code == 200
    for method, path in (
        ("POST", CHANNELS),
        ("DELETE", f"{CHANNELS}/{channel.pk}"),
        ("DELETE", f"{CHANNELS}/push"),
    ):
        answer = client.call(method, path)
        assert answer.status_code == 401
        assert "WWW-Authenticate" not in answer
        assert answer.json() == {"errors": [{"message": "Insufficient scopes on access token."}]}


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        (
            "POST",
            "/users/self/communication_channels",
            "url:POST|/api/v1/users/:user_id/communication_channels",
        ),
        (
            "DELETE",
            "/users/self/communication_channels/1",
            "url:DELETE|/api/v1/users/:user_id/communication_channels/:id",
        ),
        (
            "DELETE",
            "/users/self/communication_channels/email/a@e.edu",
            "url:DELETE|/api/v1/users/:user_id/communication_channels/:type/:address",
        ),
        (
            "DELETE",
            "/users/self/communication_channels/push",
            "url:DELETE|/api/v1/users/self/communication_channels/push",
        ),
    ],
)
def test_scope_strings_are_the_apis_own(user: User, method: str, path: str, scope: str) -> None:
    client = ApiClient(make_token(user, make_key(require_scopes=True), [scope]))
    assert client.call(method, path).status_code in {400, 404}


def test_session_needs_the_csrf_token_for_unsafe_methods(user: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    assert client.get("/api/v1" + CHANNELS).status_code == 200
    answer = client.post("/api/v1" + CHANNELS)
    assert answer.status_code == 403
    assert answer.json()["status"] == "unauthorized"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", "{"),
        ("application/json", "[1]"),
        ("application/json", '"text"'),
        ("application/json", '{"a": "\\ud800"}'),
        ("application/json", "[" * 5000),
        ("application/json", '{"a":' * 255 + "1" + "}" * 255),
        ("application/json", '{"a":' + "[" * 1000 + "]" * 1000 + "}"),
        ("multipart/form-data", "no boundary"),
        ("application/x-www-form-urlencoded", "&".join(f"a{n}=1" for n in range(2000))),
        ("application/x-www-form-urlencoded; charset=klingon", "a=1"),
        ("application/x-www-form-urlencoded; charset=Punycode", "a=" + "b" * 60_000 + "-c"),
        ("application/x-www-form-urlencoded; charset=IDNA", "a=1"),
    ],
)
def test_body_that_cannot_be_read(api: ApiClient, content_type: str, body: str) -> None:
    answer = api.call("POST", CHANNELS, body, content_type=content_type)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["message"]


FORM = "application/x-www-form-urlencoded"
PART = '--x\r\nContent-Disposition: form-data; name="{}"\r\n\r\n+2AE-\r\n--x--\r\n'


LONE_SURROGATES = [
    *((f"{FORM}; charset=utf-7", "{}=%2B2AE-"), (f"{FORM}; charset=unicode_escape", "{}=%5Cud800")),
    (f"{FORM}; charset=raw_unicode_escape", "{}=a%5Cudfff"),
    (f"{FORM}; charset=unicode_escape", "{}=1&%5Cud800=1"),
    (f"{FORM}; charset=unicode_escape", "{}=1&a[%5Cud800]=1"),
    ("multipart/form-data; boundary=x; charset=utf-7", PART),
]


@pytest.mark.parametrize(("content_type", "body"), LONE_SURROGATES)
@pytest.mark.parametrize("name", ["access_token", "user[name]", "communication_channel[address]"])
def test_a_form_with_lone_surrogates(user: User, name: str, content_type: str, body: str) -> None:
    """Text that is none: PostgreSQL could not keep it, and a token's digest could not be made of it."""
    body = body.replace("{}", name)
    for client in (ApiClient(), ApiClient(make_token(user))):
        for method, path in (("POST", CHANNELS), ("PUT", "/users/self"), ("DELETE", f"{CHANNELS}/push")):
            answer = client.call(method, path, body, content_type=content_type)
            assert answer.status_code in {400, 401}, path
            assert answer.status_code == 400 or client.token is None


@pytest.mark.django_db
@pytest.mark.parametrize(("content_type", "body"), LONE_SURROGATES)
@pytest.mark.parametrize("name", ["code", "client_id", "refresh_token"])
def test_a_token_request_with_lone_surrogates(content_type: str, body: str, name: str) -> None:
    body = body.replace("{}", name)
    answer = ApiClient().generic("POST", "/login/oauth2/token", body, content_type)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("charset", ["utf-8", "latin-1", "utf-16", "cp1252", "utf_8_sig"])
def test_a_form_in_another_charset_is_read(api: ApiClient, charset: str) -> None:
    """Text beyond the Basic Multilingual Plane has surrogates in UTF-16, but as pairs."""
    text = "Ä" if charset in {"latin-1", "cp1252"} else "Ä\U0001f600"
    body = urlencode({"communication_channel[type]": text.encode(charset)})
    answer = api.call("POST", CHANNELS, body, content_type=f"{FORM}; charset={charset}")
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["type"])


def test_unreadable_body_comes_after_the_credentials(db: None) -> None:
    assert ApiClient().call("POST", CHANNELS, "{", content_type="application/json").status_code == 401


def test_body_of_another_type_is_415(api: ApiClient) -> None:
    answer = api.call("POST", CHANNELS, "<a/>", content_type="application/xml")
    assert answer.status_code == 415
    assert answer.json()["errors"][0]["message"]


def test_body_over_1_mb_is_413(api: ApiClient) -> None:
    answer = api.call("POST", CHANNELS, "a=" + "x" * 2**20)
    assert answer.status_code == 413
    assert answer.json()["errors"][0]["message"]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_405_names_what_is_allowed(api: ApiClient, method: str) -> None:
    answer = api.call(method, CHANNELS)
    assert answer.status_code == 405
    assert answer["Allow"] == "GET, POST, HEAD"
    assert answer.json()["errors"][0]["message"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", ["/nowhere", "/users/self/communication_channels/1/2/3", "/users/1/communication"]
)
def test_path_that_does_not_exist_is_404_whoever_asks(path: str) -> None:
    answer = ApiClient().call("GET", path)
    assert answer.status_code == 404
    assert answer.json() == {"errors": [{"message": "The specified resource does not exist."}]}


def test_a_fault_of_ours_has_an_id_that_the_log_knows(api: ApiClient, monkeypatch, caplog) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("channels_api.channels.views.registry.create", broken)
    answer = api.call("POST", CHANNELS, "communication_channel[type]=email")
    assert answer.status_code == 500
    body = answer.json()
    assert body["errors"] == [{"message": "An error occurred.", "error_code": "internal_server_error"}]
    assert body["error_report_id"] in {getattr(record, "error_report_id", "") for record in caplog.records}
    assert b"secret detail" not in answer.content
    assert not CommunicationChannel.objects.exists()


def test_unknown_host_is_json_too(api: ApiClient) -> None:
    answer = api.call("GET", CHANNELS, host="evil.example")
    assert answer.status_code == 400
    assert answer["Content-Type"].startswith("application/json")
