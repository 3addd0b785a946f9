"""What the values of settings may be: validators for ``environs``.

Each raises :class:`~environs.ValidationError` with the end of a sentence that begins with the setting's name.
None repeats the value, which may be a secret.
"""

import ipaddress
import re
from collections.abc import Callable, Iterable
from email.utils import parseaddr
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import dj_database_url
import dj_email_url
import idna
import phonenumbers
from django.utils.module_loading import import_string
from environs import ValidationError, validate
from psycopg.pq import Conninfo

from canvas_channels.core.late import late

Check = Callable[[Any], Any]

SECRET_LENGTH = 32  # characters: 128 bits, even of hexadecimal digits
TLS = {"tls", "ssl"}  # one that is misspelt would be ignored
BOOLEANS = {*dj_email_url.TRUTHY, *("0", "n", "no", "f", "false", "False", "off")}
# Django's own options of a connection, beside libpq's.
DJANGO_OPTIONS = {"assume_role", "isolation_level", "pool", "prepare_threshold", "server_side_binding"}
_parse_redis_url = late("redis.connection.parse_url")
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def between(least: float, most: float) -> Check:
    return validate.Range(least, most, error="must be from {min} to {max}")


def matching(pattern: str, error: str) -> Check:
    return validate.Regexp(rf"(?:{pattern})\Z", error=error)


def each(check: Check) -> Callable[[Iterable[Any]], None]:
    """Every item of a list."""

    def check_all(items: Iterable[Any]) -> None:
        for item in items:
            check(item)

    return check_all


count = between(1, 2**31 - 1)
count_or_none = between(0, 2**31 - 1)
days = between(1, 36_500)
days_or_none = between(0, 36_500)
minutes = between(1, 60 * 24 * 365)
seconds = between(0.001, 3600)
cost = between(0, 1_000_000_000)
cost_a_second = between(0.001, 1_000_000_000)
threads = between(1, 1000)
port_or_none = between(0, 65_535)
id_or_none = between(0, 2**63 - 1)

one_line = matching(r"[^\x00-\x1f\x7f]*", "must be one line without control characters")
token = matching(r"[!-~]*", "must be of visible ASCII characters")
not_blank = matching(r"(?s:.*\S.*)", "must not be blank")
secret = matching(rf"(?s:.{{{SECRET_LENGTH},}})", f"must have {SECRET_LENGTH} characters or more")
webhook_secret = matching(
    r"[^:\s]+:\S{16,}", "must be name:secret pairs, each secret of 16 characters or more"
)
region = matching(r"[a-z]{2,}(-[a-z]+)+-[0-9]+", "must be a region of AWS, as us-east-1")
topic_arn = matching(
    r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[\w-]{1,256}(\.fifo)?",
    "must be ARNs of topics, as arn:aws:sns:us-east-1:123456789012:bounces",
)
domain_or_none = matching(
    r"(([a-z0-9-]{1,63}\.)+[a-z0-9-]{2,63})?", "must be a domain, as bounces.example.edu"
)
host = matching(
    r"\*|\.?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*|\[[0-9a-fA-F:.]+\]",
    "must be hosts without scheme and port, as channels.example.edu",
)
log_level = matching(
    r"(?i:DEBUG|INFO|WARNING|ERROR|CRITICAL)", "must be DEBUG, INFO, WARNING, ERROR or CRITICAL"
)
pooler = validate.OneOf(["", "transaction"], error="must be empty or transaction")
rate_limit_status = validate.OneOf([403, 429], error="must be 429 or 403")
country = validate.OneOf(
    {"*", *phonenumbers.SUPPORTED_REGIONS}, error="must be ISO 3166 codes of countries, as US,CA, or *"
)


def json_object(value: Any) -> None:
    _refuse_unless(isinstance(value, dict), "must be a JSON object")


def _refuse_unless(fits: object, error: str) -> None:
    if not fits:
        raise ValidationError(error)


def demo(wanted: bool) -> None:
    """Neither a wheel nor an image holds the demo."""
    _refuse_unless(not wanted or find_spec("canvas_channels.demo"), "needs a checkout: this has no demo")


def _split(url: str, error: str) -> SplitResult:
    """Its parts, whose port is a number that a port may have."""
    try:
        parts = urlsplit(url)
        fits = parts.port != 0 and not re.search(r"[\x00-\x20\x7f]", url)
    except ValueError:
        fits = False
    _refuse_unless(fits, error)
    return parts


def origin(url: str) -> None:
    error = "must be a scheme and a host, perhaps with a port, as https://channels.example.edu"
    parts = _split(url, error)
    bare = url.partition("://")[2] == parts.netloc and "@" not in parts.netloc
    named = re.fullmatch(r"(?i)[a-z0-9-]+(\.[a-z0-9-]+)*|[0-9a-f:.]*:[0-9a-f:.]*", parts.hostname or "")
    _refuse_unless(parts.scheme in {"http", "https"} and bare and named, error)


def public_url(url: str) -> None:
    """An origin; a slash after it is cut off."""
    origin(url.rstrip("/"))


def issuer(url: str) -> None:
    """https, without query and fragment (OpenID Connect Discovery 1.0, section 3); http on loopback."""
    error = "must be an https:// URL without credentials, query and fragment, as https://login.example.edu"
    parts = _split(url, error)
    schemes = {"http", "https"} if parts.hostname in LOOPBACK else {"https"}
    bare = not (parts.query or parts.fragment or "@" in parts.netloc)
    _refuse_unless(not url or (parts.scheme in schemes and parts.hostname and bare), error)


def scopes(given: str) -> None:
    one_line(given)
    _refuse_unless("openid" in given.split(), "must have openid among them")


def database(url: str) -> dict[str, Any]:
    """Django's settings of a database, from a URL that may name several hosts, as libpq's may.

    Raises :class:`ValueError`.
    """
    parts = urlsplit(url)
    who, at, where = parts.netloc.rpartition("@")
    if "," not in where:
        return dict(dj_database_url.parse(url))
    hosts = [urlsplit(f"//{host}") for host in where.split(",")]
    if not all(host.hostname for host in hosts):
        raise ValueError(where)
    return dict(dj_database_url.parse(parts._replace(netloc=f"{who}{at}host").geturl())) | {
        "HOST": ",".join(unquote(str(host.hostname)) for host in hosts),
        "PORT": ",".join(str(host.port or 5432) for host in hosts),
    }


def database_url(url: str) -> None:
    try:
        parsed = database(url)
    except ValueError:
        parsed = {}
    options = parsed.get("OPTIONS", {})
    named = parsed.get("NAME") or "service" in options
    _refuse_unless(
        parsed.get("ENGINE") == "django.db.backends.postgresql" and named,
        "must be as postgresql://user:password@host/name",
    )
    known = DJANGO_OPTIONS | {option.keyword.decode() for option in Conninfo.get_defaults()}
    _refuse_unless(options.keys() <= known, "must have no options but libpq's, as ?sslmode=require")


def database_url_or_none(url: str) -> None:
    if url:
        database_url(url)


def email_url(url: str) -> None:
    try:
        parsed = dj_email_url.parse(url)
    except ValueError:
        parsed = {}
    options = parse_qsl(urlsplit(url).query) if parsed else []
    known = all(name == "timeout" or (name in TLS and value in BOOLEANS) for name, value in options)
    _refuse_unless("EMAIL_BACKEND" in parsed and known, "must be as smtp://user:password@host:587/?tls=True")


def email_backend(path: str) -> None:
    """The class itself is looked at, not only its name: a misspelt one would fail at the first message."""
    if path:
        try:
            import_string(path)
        except (ImportError, ValueError):
            raise ValidationError("must be the path of a class that can be imported") from None


def sender(given: str) -> None:
    error = "must be an address, as Channels <channels@example.edu>"
    one_line(given)
    try:
        validate.Email(error=error)(parseaddr(sender_in_ascii(given))[1])
    except idna.IDNAError:
        raise ValidationError(error) from None


def sender_in_ascii(given: str) -> str:
    """With the domain by IDNA 2008: Django would turn it into another's, by IDNA 2003."""
    domain = parseaddr(given)[1].rpartition("@")[2]
    if domain.isascii():
        return given
    return given.replace(f"@{domain}", f"@{idna.encode(domain, uts46=True, std3_rules=True).decode()}")


def redis_url(url: str) -> None:
    error = "must be a redis://, rediss:// or unix:// URL"
    if url:
        _split(url, error)
        try:
            _parse_redis_url(url)
        except ValueError:
            raise ValidationError(error) from None


def mailbox_url(url: str) -> None:
    error = "must be as imaps://user:password@imap.example.edu/INBOX"
    parts = _split(url, error)
    fits = parts.scheme in {"imap", "imaps"} and parts.hostname and parts.username
    _refuse_unless(not url or fits, error)


def name_server(given: str) -> None:
    address, _, port = given.partition("#")
    try:
        ipaddress.ip_address(address)
        fits = not port or (port.isdecimal() and 0 < int(port) <= 65_535)
    except ValueError:
        fits = False
    _refuse_unless(
        fits and not given.endswith("#"),
        "must be IP addresses, each perhaps with a port, as 192.0.2.53#5353",
    )


def file(path: str) -> None:
    """A file that is there, or can be made."""
    _refuse_unless(
        not path or (not Path(path).is_dir() and Path(path).parent.is_dir()),
        "must be a file in a folder that is there",
    )


def folder(path: str) -> None:
    """A folder that is there, or can be made."""
    _refuse_unless(not path or not Path(path).exists() or Path(path).is_dir(), "must be a folder")
