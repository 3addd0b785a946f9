"""A client for the API, through Django's whole stack."""

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from canvas_channels.identity.models import User
from tests.factories import make_key, make_token, make_user

API = "/api/v1"


class ApiClient(Client):
    """Django's test client with a bearer token; ``form`` and ``json`` bodies on every method."""

    def __init__(self, token: str | None = None) -> None:
        super().__init__(raise_request_exception=False)
        self.token = token

    def call(
        self,
        method: str,
        path: str,
        form: str = "",
        json: Any = None,
        content_type: str | None = None,
        **headers: str,
    ) -> HttpResponse:
        if json is not None:
            return self._call(method, path, json, content_type or "application/json", headers)
        return self._call(method, path, form, content_type or "application/x-www-form-urlencoded", headers)

    def _call(self, method: str, path: str, body: Any, content_type: str, headers: dict[str, str]) -> Any:
        if self.token is not None:
            headers.setdefault("authorization", f"Bearer {self.token}")
        encoded = self._encode_json(body, content_type)
        return self.generic(method, API + path, encoded, content_type if encoded else "", headers=headers)


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
