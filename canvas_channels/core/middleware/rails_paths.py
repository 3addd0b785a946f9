"""Paths as Rails reads them, which Canvas's clients rely on.

A slash at the end, doubled slashes and ``.json`` at the end name the same resource. Not so in an address or
a scope of custom data: both may end in ``.json``, and ``a//b@example.com`` is an address.
"""

import re
from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

_API = re.compile(r"/+(?:api|confirmations|register|login/+oauth2)/")
_SLASHES = re.compile(r"/{2,}")
_REPORT = re.compile(r"/[a-z]+_communication_channels\.json$")  # there is one in CSV too

# Possessive quantifiers and the look behind keep the time linear in the length of the path.
_ADDRESS = re.compile(
    r"(?P<before>/+api/+v1/+users/+[^/]+/+communication_channels/+(?:email|sms|push))/"
    r"(?!/*+devices(?:/|\.json$|$))(?P<kept>/*+[^/].*?)"
    r"(?P<after>(?<!/)/++notification_preference(?:s|_categories)(?:\.json|/++[^/@]*+)?/*+)?$",
    re.DOTALL,
)
_SCOPE = re.compile(r"(?P<before>/+api/+v1/+users/+[^/]+/+custom_data)/+(?P<kept>[^/].*)$", re.DOTALL)


def canonical(path: str) -> str:
    """The one path of what ``path`` names, percent-decoded as WSGI has it; pages keep theirs."""
    if not ("//" in path or path.endswith(("/", ".json"))) or not _API.match(path):
        return path
    if found := _ADDRESS.match(path):
        return f"{_single(found['before'])}/{found['kept']}{_plain(found['after'] or '')}"
    if found := _SCOPE.match(path):
        return f"{_single(found['before'])}/{found['kept']}"
    return _plain(path)


def _single(path: str) -> str:
    return _SLASHES.sub("/", path)


def _plain(path: str) -> str:
    path = _single(path).rstrip("/")
    return path if _REPORT.search(path) else path.removesuffix(".json")


def as_rails(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Middleware in front of all that look at the path."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        path = canonical(request.path_info)
        if path != request.path_info:
            script_name = request.META.get("SCRIPT_NAME", "").rstrip("/")
            request.path_info, request.path = path, script_name + path
        return get_response(request)

    return middleware
