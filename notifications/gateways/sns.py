"""Clients of Amazon SNS, and what its errors mean.

A client is made when it is first needed, one a region, with short timeouts and without boto3's own retries:
the queue tries again. Credentials come by boto3's chain, or from the JSON file ``SNS_CREDS_FILE`` that a
secrets agent keeps fresh; a changed file makes a new client. Any endpoint: ``AWS_ENDPOINT_URL_SNS``.
Error codes: https://docs.aws.amazon.com/sns/latest/api/CommonErrors.html and each action's page.
"""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings

from notifications.gateways import EndpointExists, EndpointGone, TransportError

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

# What is wrong with this one number or token. All else passes, or an operator mends it meanwhile: a
# missing right, expired credentials, an application that was deleted.
_PERMANENT = {"InvalidParameter", "InvalidParameterValue", "OptedOut", "ValidationError"}
_POOL = 50

# The only way in which SNS tells the ARN of an endpoint that exists.
_EXISTS = re.compile(r"Endpoint (arn:aws[a-z-]*:sns:\S+) already exists with the same Token")

# The names of AWS's own tools, and of Vault's AWS secrets engine.
_NAMES = {
    "aws_access_key_id": ("AccessKeyId", "aws_access_key_id", "access_key"),
    "aws_secret_access_key": ("SecretAccessKey", "aws_secret_access_key", "secret_key"),
    "aws_session_token": ("SessionToken", "aws_session_token", "security_token", "session_token"),
}

_lock = threading.Lock()
_clients: dict[tuple[object, ...], "SNSClient"] = {}


def client(region: str) -> "SNSClient":
    """A client of the region, made once and again whenever the credentials file changes.

    Raises :class:`TransportError` where that file cannot be read, as while an agent writes it.
    """
    with _lock:
        key = (region, settings.SNS_TIMEOUT, settings.SNS_CREDS_FILE, _version(settings.SNS_CREDS_FILE))
        if key not in _clients:
            for old in [known for known in _clients if known[0] == region]:
                del _clients[old]
            _clients[key] = session().client("sns", region_name=region, config=config())
        return _clients[key]


def session() -> boto3.session.Session:
    """With the credentials that every call is signed with. Raises :class:`TransportError`."""
    return boto3.session.Session(**_credentials())


def config() -> Config:
    """Its user agent is short: to put boto3's own together takes a fifth of a call."""
    return Config(
        user_agent="canvas-channels",
        connect_timeout=settings.SNS_TIMEOUT,
        read_timeout=settings.SNS_TIMEOUT,
        retries={"total_max_attempts": 1},
        max_pool_connections=_POOL,
    )


def _version(file: str) -> tuple[int, int, int] | None:
    if not file:
        return None
    try:
        found = Path(file).stat()
    except OSError as error:
        raise TransportError(f"SNS_CREDS_FILE cannot be read: {error.strerror}") from error
    return found.st_mtime_ns, found.st_size, found.st_ino


def _credentials() -> dict[str, Any]:
    """Keyword arguments of a boto3 session; none means boto3's own chain."""
    if not settings.SNS_CREDS_FILE:
        return {}
    try:
        found: Any = json.loads(Path(settings.SNS_CREDS_FILE).read_bytes())
    except (OSError, ValueError) as error:
        raise TransportError(f"SNS_CREDS_FILE cannot be read: {type(error).__name__}") from None
    found = found.get("data", found) if isinstance(found, dict) else {}
    given = {ours: found[name] for ours, names in _NAMES.items() for name in names if found.get(name)}
    if not {"aws_access_key_id", "aws_secret_access_key"} <= given.keys():
        raise TransportError("SNS_CREDS_FILE names no AccessKeyId and SecretAccessKey")
    return given


@contextmanager
def errors_named(secret: str, shown: str = "…") -> Iterator[None]:
    """Translate boto3's errors; ``secret`` (a number or a token) is shown as ``shown`` in their text.

    What an error means is read from Amazon's own words, before anything in them is masked: a token may be as
    short as one character, and any part of them.

    Raises :class:`EndpointExists`, :class:`EndpointGone` and :class:`TransportError`, from None: the
    originals hold the secret.
    """
    try:
        yield
    except ClientError as error:
        code, words = error.response["Error"]["Code"], error.response["Error"].get("Message") or ""
        masked = _without(secret, words, shown)
        if found := _EXISTS.search(words):
            raise EndpointExists(found[1], f"SNS: {code}: {masked}") from None
        if is_gone(code, words):
            raise EndpointGone(masked) from None
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        permanent = code in _PERMANENT and status < 500
        raise TransportError(f"SNS: {code}: {masked}", permanent=permanent, code=code, words=masked) from None
    except BotoCoreError as error:
        name = type(error).__name__
        raise TransportError(f"SNS: {name}", unanswered=True, code=name) from None


def _without(secret: str, words: str, shown: str) -> str:
    """SNS may repeat a token in lower case, and a number without its plus."""
    if not secret:
        return words
    return re.sub(rf"\+?{re.escape(secret.removeprefix('+'))}", shown, words, flags=re.IGNORECASE)


def is_gone(code: str, words: str) -> bool:
    """SNS says NotFound both ways, the second when publishing or for a malformed leftover."""
    return code in {"NotFound", "NotFoundException", "ResourceNotFound"} or (
        code == "InvalidParameter" and "No endpoint found" in words
    )
