"""Which address a request comes from."""

from ipaddress import ip_address
from typing import Any

from django.conf import settings


def client_address(request: Any) -> str | None:
    """The client's IP address; None where it is none (a Unix socket's).

    Behind a trusted proxy it is the address that the proxy saw, the last of ``X-Forwarded-For``.
    """
    text = request.META.get("REMOTE_ADDR", "")
    if settings.TRUST_PROXY_HEADERS:
        text = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip() or text
    try:
        return str(ip_address(text))
    except ValueError:
        return None
