"""Scopes: the API's own strings, one an endpoint, as ``url:GET|/api/v1/users/:user_id``."""

import re
from collections.abc import Collection
from functools import cache

from django.urls import URLPattern, URLResolver, get_resolver
from django.utils.functional import Promise
from oauth2_provider.scopes import BaseScopes

from canvas_channels.core.identity.models import DeveloperKey
from canvas_channels.core.identity.oauth.scope_words import words_of

_CUSTOM_DATA = re.compile(r"/custom_data(/:scope)?$")  # one scope of the two, as Canvas has it


def endpoint_scope(method: str, route: str, own_methods: Collection[str] = ()) -> str:
    """The scope of a URLconf route: ``<str:user_id>`` becomes ``:user_id``; HEAD needs what GET needs.

    ``own_methods``: those that Canvas has for ``users/self`` only; one's own id needs the same scope.
    """
    method = "GET" if method == "HEAD" else method
    path = re.sub(r"<(?:\w+:)?(\w+)>", r":\1", route)
    path = _CUSTOM_DATA.sub("/custom_data(/*scope)", path)
    if method in own_methods:
        path = path.replace("users/:user_id", "users/self", 1)
    return f"url:{method}|/{path}"


@cache
def all_scopes() -> dict[str, Promise | str]:
    """Every scope of the API, with a description in words for the consent page."""
    found: dict[str, Promise | str] = {}

    def collect(patterns: list[URLPattern | URLResolver], prefix: str) -> None:
        for pattern in patterns:
            route = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                collect(pattern.url_patterns, route)
            elif route.startswith("api/v1/"):
                view = getattr(pattern.callback, "cls", None)
                actions = getattr(pattern.callback, "actions", None)
                methods = actions or [m for m in getattr(view, "http_method_names", ()) if hasattr(view, m)]
                for method in methods:
                    scope = endpoint_scope(method.upper(), route, getattr(view, "own_methods", ()))
                    found[scope] = words_of(scope)

    collect(get_resolver().url_patterns, "")
    return dict(sorted(found.items()))


class DeveloperKeyScopes(BaseScopes):
    """django-oauth-toolkit's question which scopes there are; a key lists those it may ask for."""

    def get_all_scopes(self) -> dict[str, Promise | str]:
        return all_scopes()

    def get_available_scopes(
        self,
        application: DeveloperKey | None = None,
        request: object = None,
        *args: object,
        **kwargs: object,
    ) -> list[str]:
        """Those that the key lists; one of an endpoint that is gone is no scope any more."""
        return [scope for scope in application.scopes if scope in all_scopes()] if application else []

    def get_default_scopes(
        self,
        application: DeveloperKey | None = None,
        request: object = None,
        *args: object,
        **kwargs: object,
    ) -> list[str]:
        """None: a key that requires scopes must be asked for some, and another's tokens reach all."""
        return []
