"""Headers of every answer, be it a view's, Django's admin's, or a refusal."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.utils.functional import SimpleLazyObject

from canvas_channels.web.pages import POLICY, policy

ADMIN: Any = SimpleLazyObject(lambda: reverse("admin:index"))


def guard(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """No cache keeps what does not call itself public; HTML without a policy gets one.

    The admin's lets its scripts run, which are all files of its own.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        headers = response.headers
        kept = headers.get("Cache-Control")
        if kept is None:
            headers["Cache-Control"] = "private, no-store"
        elif "public" not in kept and "no-store" not in kept:
            patch_cache_control(response, private=True, no_store=True)
        if headers.get("Content-Type", "").startswith("text/html") and POLICY not in headers:
            headers[POLICY] = policy(scripts=request.path_info.startswith(str(ADMIN)))
        return response

    return middleware
