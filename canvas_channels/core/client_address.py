"""Which address a request comes from."""

import re
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Any

from django.conf import settings

MAX_LENGTH = 128  # of any address with a zone and a port, and of what is kept: a proxy passes on what it got
# An IPv6 address with a port is in brackets (RFC 3986, section 3.2.2): without them all of it is the address.
_WITH_PORT = re.compile(r"(?:\[([^\[\]]*)\]|([0-9.]+))(?::[0-9]{1,5})?", re.ASCII)


def client_address(request: Any) -> str | None:
    """The client's IP address; None where it is none (a Unix socket's).

    Behind a trusted proxy it is the address that the proxy saw, the last of ``X-Forwarded-For``; some
    proxies put the client's port behind it.
    """
    return address_of(request.META)


def address_of(environ: dict[str, Any]) -> str | None:
    """The same, of what WSGI has of a request."""
    text = environ.get("REMOTE_ADDR", "")
    if settings.TRUST_PROXY_HEADERS:
        text = environ.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip() or text
    return _address(text) if len(text) <= MAX_LENGTH else None


@lru_cache(maxsize=1024)
def _address(text: str) -> str | None:
    if found := _WITH_PORT.fullmatch(text):
        text = found[1] or found[2] or ""
    try:
        return str(ip_address(text))
    except ValueError:
        return None


def client_network(request: Any) -> str | None:
    """What one client is counted by: an IPv4 address, or the first of an IPv6 client's /64 (RFC 6177)."""
    return network_of(request.META)


def network_of(environ: dict[str, Any]) -> str | None:
    """The same, of what WSGI has of a request."""
    text = address_of(environ)
    return None if text is None else _network(text)


@lru_cache(maxsize=1024)
def _network(text: str) -> str:
    address = ip_address(text)
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or IPv6Address(int(address) >> 64 << 64))
    return str(address)


def address_key(environ: dict[str, Any]) -> str:
    """The bucket of the client's IP address."""
    return f"ip:{network_of(environ) or ''}"
