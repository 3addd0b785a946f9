"""Whether the links in messages lead anywhere, and whether the sender is one."""

from email.utils import parseaddr
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import validate_host

from notifications.diagnosis import Findings, ok, warning, wrong

URL = "PUBLIC_URL"
SENDER = "DEFAULT_FROM_EMAIL"
_LOCAL = {"localhost", "127.0.0.1", "::1"}


def check() -> Findings:
    yield from _check_url()
    yield from _check_sender()


def _check_url() -> Findings:
    url = urlsplit(settings.PUBLIC_URL)
    host = url.hostname or ""
    if url.path or url.query or url.fragment:
        yield wrong(
            URL,
            f"{settings.PUBLIC_URL} has more than a scheme and a host",
            "Leave the rest out of PUBLIC_URL.",
        )
    elif not validate_host(host, settings.ALLOWED_HOSTS):
        yield wrong(
            URL, f"ALLOWED_HOSTS leaves {host} out: its links answer 400", "Add the host to ALLOWED_HOSTS."
        )
    elif host in _LOCAL:
        yield warning(URL, f"{host} is this machine only", "Set PUBLIC_URL to the address people reach.")
    elif url.scheme != "https":
        yield warning(
            URL,
            "links are http: whoever is on the way reads the codes",
            "Serve HTTPS; say https in PUBLIC_URL.",
        )
    else:
        yield ok(URL, settings.PUBLIC_URL)


def _check_sender() -> Findings:
    _, address = parseaddr(settings.DEFAULT_FROM_EMAIL)
    local, _, domain = address.rpartition("@")
    if not local or not domain:
        yield wrong(
            SENDER,
            f"{settings.DEFAULT_FROM_EMAIL!r} is no address",
            "Set DEFAULT_FROM_EMAIL to one, as Channels <channels@example.edu>.",
        )
    elif "." not in domain:
        yield warning(
            SENDER,
            f"nobody outside can answer {address}, and most mail servers refuse it",
            "Set DEFAULT_FROM_EMAIL to an address that your mail server may send for.",
        )
    else:
        yield ok(SENDER, address)
