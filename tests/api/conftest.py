"""A client for the API: through Django's whole stack, or with ``--served`` through the production server.

What needs other settings than the server's, or is marked ``in_process``, is left out there.
"""

import inspect
import json
import string
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

import pytest
from django.conf import settings as django_settings
from django.http import HttpResponse
from django.test import Client
from django.test.client import JSON_CONTENT_TYPE_RE

from canvas_channels.core.identity.models import User
from tests.factories import make_key, make_token, make_user
from tests.live import LIFTED, LiveServer, serve
from tests.responses import ClientResponse

API = "/api/v1"
IN_PROCESS = {
    "caplog",
    "django_assert_max_num_queries",
    "django_assert_num_queries",
    "redis_server",
    "settings",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--served", action="store_true", help="ask the production server over HTTP")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--served"):
        return
    here = Path(__file__).parent
    elsewhere = [item for item in items if here not in item.path.parents or _looks_inside(item)]
    config.hook.pytest_deselected(items=elsewhere)
    items[:] = [item for item in items if item not in elsewhere]
    for item in items:  # the server sees only what was committed
        item.add_marker(pytest.mark.django_db(transaction=True), append=False)


def _looks_inside(item: Any) -> bool:
    if item.get_closest_marker("in_process") or not IN_PROCESS.isdisjoint(item.fixturenames):
        return True
    # Every test has it, for fixtures of pytest-django.
    return "monkeypatch" in inspect.signature(item.function).parameters


@pytest.fixture(autouse=True, scope="session")
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    if not request.config.getoption("--served"):
        yield
        return
    request.getfixturevalue("django_db_setup")
    limits = {name: str(getattr(django_settings, name)) for name in LIFTED}
    with serve(
        tmp_path_factory.mktemp("api") / "log", ALLOWED_HOSTS="testserver,127.0.0.1", **limits
    ) as server:
        ApiClient.server = server
        yield
        ApiClient.server = None


class ApiClient(Client):
    """Django's test client with a bearer token; ``form`` and ``json`` bodies on every method."""

    server: ClassVar[LiveServer | None] = None

    def __init__(self, token: str | None = None) -> None:
        super().__init__(raise_request_exception=False)
        self.token = token

    def generic(
        self,
        method: str,
        path: Any,
        data: Any = "",
        content_type: str | None = "",
        *args: Any,
        **options: Any,
    ) -> Any:
        if self.server is None:
            return super().generic(method, path, data, content_type, *args, **options)
        headers = {"Host": "testserver", **(options.get("headers") or {})}
        if content_type:
            headers["Content-Type"] = content_type
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={cookie.value}" for name, cookie in self.cookies.items())
        body = data.encode() if isinstance(data, str) else data
        http = HTTPConnection(self.server.host, self.server.port, timeout=30)
        try:
            http.request(method, quote(path, safe=string.printable), body, headers)
            answer = http.getresponse()
            response: Any = HttpResponse(
                answer.read(), status=answer.status, headers=dict(answer.getheaders())
            )
        finally:
            http.close()
        response.json = lambda: json.loads(response.content)
        return response

    def call(
        self,
        method: str,
        path: str,
        form: str = "",
        json: Any = None,
        content_type: str | None = None,
        **headers: str,
    ) -> ClientResponse:
        if json is not None:
            return self._call(method, path, json, content_type or "application/json", headers)
        return self._call(method, path, form, content_type or "application/x-www-form-urlencoded", headers)

    def _call(self, method: str, path: str, body: Any, content_type: str, headers: dict[str, str]) -> Any:
        if self.token is not None:
            headers.setdefault("authorization", f"Bearer {self.token}")
        if isinstance(body, dict | list) and JSON_CONTENT_TYPE_RE.match(content_type):
            body = json.dumps(body, cls=self.json_encoder)
        return self.generic(method, API + path, body, content_type if body else "", headers=headers)


@pytest.fixture
def user(db: None) -> User:
    return make_user()


@pytest.fixture
def as_user() -> Callable[..., ApiClient]:
    """Makes a client with a fresh token of a user, perhaps under a given key."""

    def client(user: User, key: Any = None, **token: Any) -> ApiClient:
        return ApiClient(make_token(user, key or make_key(), **token))

    return client


@pytest.fixture
def api(user: User, as_user: Callable[..., ApiClient]) -> ApiClient:
    """A client with a token of ``user``."""
    return as_user(user)
