"""The fast path for bearer-token API calls, which are most of them, and for probes."""

from collections.abc import Callable
from functools import lru_cache

from django import urls
from django.http import HttpRequest
from django.http.response import HttpResponse, HttpResponseBase
from django.urls import ResolverMatch

from canvas_channels.core.rest.credentials import bearer_token

MAX_CACHED_PATH = 128  # characters: a longer one is no call that comes often, and would fill the memory

_resolve = lru_cache(maxsize=1024)(urls.resolve)  # most clients say users/self: a few paths are most calls

# Asked by load balancers and by Prometheus, whose ``Host`` is often an address.
PROBES = {"/healthz", "/readyz", "/metrics"}


def resolve(path: str) -> ResolverMatch:
    """The view of a path. Raises :class:`~django.http.Http404`, which is not kept."""
    return _resolve(path) if len(path) <= MAX_CACHED_PATH else urls.resolve(path)


class BearerTokenFastPath:
    """Bypasses session middleware for bearer-token API calls.

    They need no session, CSRF token, locale or message. The views handle their errors themselves
    (``rest.handlers``).
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        path = request.path_info
        if path not in PROBES:
            authorization = request.META.get("HTTP_AUTHORIZATION")
            if not authorization or not path.startswith("/api/") or bearer_token(authorization) is None:
                return self.get_response(request)
            request.get_host()  # as CommonMiddleware does: a host that is not ours is a 400
        request.resolver_match = match = resolve(path)
        response: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
        if isinstance(response, HttpResponse):
            response.headers.setdefault("Content-Length", str(len(response.content)))
        return response
