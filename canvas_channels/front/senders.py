"""Whose body is read, and how much of it."""

import hashlib
import re
from contextlib import suppress
from io import BytesIO
from typing import Any
from urllib.parse import unquote_plus

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.middleware import SessionMiddleware
from django.db import close_old_connections
from django.http import Http404, HttpResponse
from django.urls import resolve
from rest_framework.exceptions import APIException

from canvas_channels.core import outages
from canvas_channels.core.identity.authentication import BearerTokenAuthentication
from canvas_channels.core.late import late
from canvas_channels.core.middleware.arrivals import API, WEBHOOKS
from canvas_channels.core.middleware.rails_paths import canonical
from canvas_channels.core.rest.credentials import bearer_token
from canvas_channels.core.rest.errors import Unavailable
from canvas_channels.core.rest.requests import CanvasRequest
from canvas_channels.handler import Request

# What anybody may send something to: signing in, tokens, codes and links of messages, providers.
OPEN = (
    *("/login", "/logout", "/admin/login", "/password-reset", "/register/", "/not-me/"),
    *("/unsubscribe/", WEBHOOKS),
    *(["/demo/"] if settings.DEMO else []),
)
_TOKEN = re.compile(r"(?:^|&)access_token(?:=([^&]*))?(?=&|$)")
_SESSION = re.compile(rf"(?:^|;)\s*{re.escape(settings.SESSION_COOKIE_NAME)}\s*=([^;]*)")
_has_secret = late("notifications.webhooks.providers.has_secret")
_FORMS = {"application/x-www-form-urlencoded", "multipart/form-data", "application/json"}


def credential_of(environ: dict[str, Any], path: str) -> str:
    """A digest of what the headers or the query bring, good or not; empty: nothing.

    Runs in the event loop: of a query or cookies that hold thousands of others, those are not parsed.
    """
    if path.startswith(API):
        token = bearer_token(environ.get("HTTP_AUTHORIZATION", ""))
        if token is not None:
            return f"token:{_digest(token)}"
        if given := _TOKEN.findall(environ["QUERY_STRING"]):
            return f"token:{_digest(unquote_plus(given[-1]))}"
    if (given := _SESSION.findall(environ.get("HTTP_COOKIE", ""))) and (session := given[-1].strip()):
        return f"session:{_digest(session)}"
    return ""


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def is_open(path: str) -> bool:
    return path.startswith(OPEN)


def may_carry_token(path: str, environ: dict[str, Any]) -> bool:
    """Whether ``access_token`` may be in the body."""
    content_type = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    return path.startswith(API) and (content_type in _FORMS or content_type.endswith("+json"))


def most_from(environ: dict[str, Any], path: str) -> int:
    """How many bytes the sender may send there; 0: their credentials are not good. Asks the database.

    Raises :class:`Unavailable` while it is away: a body withheld on a guess would be missed once it is back.
    """
    close_old_connections()
    request = Request(environ | {"wsgi.input": BytesIO(), "CONTENT_LENGTH": "0"})
    try:
        good = _knows_secret(request, path) if path.startswith(WEBHOOKS) else _is_known(request, path)
    except Exception as error:
        if outages.reported(error):
            raise Unavailable from error
        raise
    finally:
        close_old_connections()
    return _most_at(canonical(request.path_info)) if good else 0


def _is_known(request: Request, path: str) -> bool:
    if path.startswith(API):
        try:
            if BearerTokenAuthentication().authenticate(CanvasRequest(request)):
                return True
        except APIException:
            return False
    SessionMiddleware(lambda _request: HttpResponse()).process_request(request)
    return bool(get_user(request).is_active)


def _knows_secret(request: Request, path: str) -> bool:
    return bool(_has_secret(path.removeprefix(WEBHOOKS).rstrip("/"), request))


def _most_at(path: str) -> int:
    """The limit of the view at a path."""
    most: int | None = None
    with suppress(Http404):
        view: Any = getattr(resolve(path).func, "cls", None)
        most = getattr(getattr(view, "request_class", None), "max_body", None)
    return most or int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
