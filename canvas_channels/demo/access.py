"""Who may call the demo's own views: this machine, by its own name, and no page of another site."""

from collections.abc import Callable
from functools import wraps
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse

View = Callable[..., HttpResponse]


def loopback_only(view: View) -> View:
    """Hides a view from other machines, and from pages whose site's name somebody led to this one."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        named = urlsplit(f"//{request.get_host()}").hostname or ""
        if not (named == "localhost" or _is_loopback(named)):
            raise Http404
        if not _is_loopback(request.META.get("REMOTE_ADDR", "")):
            raise Http404
        return view(request, *args, **kwargs)

    return wrapped


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def own_pages_only(view: View) -> View:
    """Refuses what a page of another site has a browser send: these calls need no CSRF token."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != request.get_host():
            return JsonResponse({"errors": [{"message": "Another site's page may not do this."}]}, status=403)
        return view(request, *args, **kwargs)

    return wrapped
