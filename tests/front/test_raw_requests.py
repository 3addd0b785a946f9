"""What no HTTP library sends, written to the production server's socket."""

import json
import socket
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPResponse
from io import BytesIO
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest

from canvas_channels.core.identity.models import User
from canvas_channels.handler import Request
from channels_api.models import CommunicationChannel
from tests.factories import make_channel, make_token, make_user
from tests.front.sockets import ask, head
from tests.live import LiveServer

pytestmark = pytest.mark.django_db(transaction=True)

CHANNELS = "/api/v1/users/self/communication_channels"
JSON = b'{"communication_channel": {"type": "email", "address": "new@example.edu"}}'
FORM = b"communication_channel[type]=email&communication_channel[address]=new@example.edu"

Send = Callable[..., tuple[int, Any]]


@pytest.fixture
def user(db: None) -> User:
    return make_user()


@pytest.fixture
def send(server: LiveServer, user: User) -> Send:
    """Sends a request line, headers (with a good token) and a body; the answer must be JSON."""
    token = make_token(user)

    def send_raw(line: str, *headers: str, body: bytes = b"") -> tuple[int, Any]:
        common = [f"Host: 127.0.0.1:{server.port}", f"Authorization: Bearer {token}", "Connection: close"]
        head = "\r\n".join([line, *common, *headers, "", ""]).encode("latin-1")
        with socket.create_connection((server.host, server.port), timeout=30) as connection:
            connection.sendall(head + body)
            with closing(HTTPResponse(connection)) as answer:
                answer.begin()
                content = answer.read()
                assert answer.headers["Content-Type"].startswith("application/json"), content
                return answer.status, json.loads(content)

    return send_raw


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json; charset=utf-8",
        "application/json; charset=hex",
        "application/json; charset=undefined",
        "application/json; charset=klingon",
        "application/json; charset*=klingon'en'x",
        "application/json; charset*=utf-8''utf-8",
        "application/x-www-form-urlencoded; charset=idna",
        "application/json; " + "x" * 5000,
    ],
)
def test_a_content_type_does_not_matter_to_the_query(send: Send, content_type: str) -> None:
    status, _ = send(f"GET {CHANNELS}?search=%C3%A9%FF HTTP/1.1", f"Content-Type: {content_type}")
    assert status == 200


@pytest.mark.parametrize("text", ["日本", "é", "\U0001f600", "%C3%A9日"])
def test_a_query_in_raw_utf_8(server: LiveServer, send: Send, user: User, text: str) -> None:
    """As curl sends what it is given."""
    make_channel(user, address="someone@日本é\U0001f600é日.example")
    status, found = send(f"GET {CHANNELS}?search={text} HTTP/1.1".encode().decode("latin-1"))
    assert (status, len(found)) == (200, 1)
    anonymous = f"GET {CHANNELS}?search={text} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    assert ask(server, anonymous.encode())[0] == 401


@pytest.mark.parametrize(
    "cookie",
    [
        r'sessionid="aaaaaaaa\000"',
        r'sessionid="\001\002"',
        r'a=b; sessionid="\"\000\""; c=d',
        r'csrftoken="\000"; messages="\000"; sessionid=a\000',
        "sessionid=" + "a" * 30_000,
    ],
)
@pytest.mark.parametrize("path", ["/login", "/profile/communication", "/admin/", CHANNELS])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_session_cookie_of_any_bytes_is_no_session(
    server: LiveServer, method: str, path: str, cookie: str
) -> None:
    framing = ["Content-Type: application/x-www-form-urlencoded", "Content-Length: 3"]
    status, _, _ = ask(server, head(f"{method} {path}", f"Cookie: {cookie}", *framing) + b"a=b")
    assert status in {200, 302, 401, 403}


def test_a_query_of_too_many_fields_with_a_charset(send: Send) -> None:
    query = "&".join(f"a{n}=1" for n in range(1500))
    status, _ = send(f"GET {CHANNELS}?{query} HTTP/1.1", "Content-Type: application/json; charset=utf-8")
    assert status == 400


@pytest.mark.parametrize("charset", ["hex", "undefined", "klingon"])
def test_a_form_in_a_charset_that_is_none(send: Send, charset: str) -> None:
    headers = [
        f"Content-Type: application/x-www-form-urlencoded; charset={charset}",
        f"Content-Length: {len(FORM)}",
    ]
    status, _ = send(f"POST {CHANNELS} HTTP/1.1", *headers, body=FORM)
    assert status == 400


@pytest.mark.parametrize("path", ["%00", "%ff", "email/%00@x", "email/%ff%fe@x", "..%2f..", "%", "email/%zz"])
def test_a_path_of_any_bytes(send: Send, path: str) -> None:
    assert send(f"DELETE {CHANNELS}/{path} HTTP/1.1")[0] == 404


@pytest.mark.parametrize("method", ["PATCH", "OPTIONS", "TRACE", "BREW"])
def test_a_method_that_is_none_of_ours(send: Send, method: str) -> None:
    assert send(f"{method} {CHANNELS} HTTP/1.1")[0] == 405


def test_http_1_0(send: Send) -> None:
    assert send(f"GET {CHANNELS} HTTP/1.0") == (200, [])


def test_a_host_that_is_not_ours(server: LiveServer) -> None:
    with socket.create_connection((server.host, server.port), timeout=30) as connection:
        connection.sendall(
            f"GET {CHANNELS} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n".encode()
        )
        with closing(HTTPResponse(connection)) as answer:
            answer.begin()
            assert answer.status == 400
            assert json.loads(answer.read())["errors"][0]["message"]


def chunked(body: bytes, size: int = 1000) -> bytes:
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in [*chunks, b""])


def test_json_in_chunks(send: Send) -> None:
    headers = ["Content-Type: application/json", "Transfer-Encoding: chunked"]
    status, channel = send(f"POST {CHANNELS} HTTP/1.1", *headers, body=chunked(JSON, 7))
    assert (status, channel["address"]) == (200, "new@example.edu")


def test_a_form_in_chunks_needs_a_length(send: Send) -> None:
    headers = ["Content-Type: application/x-www-form-urlencoded", "Transfer-Encoding: chunked"]
    assert send(f"POST {CHANNELS} HTTP/1.1", *headers, body=chunked(FORM))[0] == 411


def test_a_body_in_chunks_that_is_too_large(send: Send) -> None:
    headers = ["Content-Type: application/json", "Transfer-Encoding: chunked"]
    status, _ = send(f"POST {CHANNELS} HTTP/1.1", *headers, body=chunked(b" " * (2**20 + 1), 2**16))
    assert status == 413


@pytest.mark.parametrize(
    ("type_", "framing", "body"),
    [
        ("x-www-form-urlencoded", "Content-Length: 5000", FORM),
        ("json", "Transfer-Encoding: chunked", chunked(JSON[:-5]).removesuffix(b"0\r\n\r\n")),
    ],
    ids=["length", "chunks"],
)
def test_a_body_that_is_cut_off_writes_nothing(
    server: LiveServer, user: User, type_: str, framing: str, body: bytes
) -> None:
    head = f"POST {CHANNELS} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {make_token(user)}\r\n"
    head += f"Content-Type: application/{type_}\r\n{framing}\r\n\r\n"
    with socket.create_connection((server.host, server.port), timeout=30) as connection:
        connection.sendall(head.encode() + body)
        connection.shutdown(socket.SHUT_WR)
        with closing(HTTPResponse(connection)) as answer:
            answer.begin()
            assert answer.status == 400
    assert not CommunicationChannel.objects.exists()


def request_of(content_type: str, body: bytes = b"", **headers: str) -> Request:
    environ = {
        "QUERY_STRING": "a=%C3%A9",
        "CONTENT_TYPE": content_type,
        "wsgi.input": BytesIO(body),
        **headers,
    }
    setup_testing_defaults(environ)
    return Request(environ)


@pytest.mark.parametrize("charset", ["charset=hex", "charset=latin-1", "charset*=klingon'en'x"])
def test_the_query_is_utf_8(charset: str) -> None:
    assert request_of(f"application/json; {charset}").GET["a"] == "é"


@pytest.mark.parametrize("content_type", ["a;" + ";" * 5000, 'text/html; a="' + ";" * 2000, "x" * 1025])
def test_a_content_type_of_any_length(content_type: str) -> None:
    assert request_of(content_type).content_type == "application/octet-stream"


def test_cookies_with_escapes_are_none() -> None:
    cookies = r'a="\\\\"; b="\000"; c=d; e="f g"; h=i\j; sessionid=k'
    assert request_of("", HTTP_COOKIE=cookies).COOKIES == {"c": "d", "e": "f g", "sessionid": "k"}


def test_a_body_in_chunks_gets_its_length() -> None:
    request = request_of("application/json", JSON, HTTP_TRANSFER_ENCODING="chunked")
    assert request.body == JSON
