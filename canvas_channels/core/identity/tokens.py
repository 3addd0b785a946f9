"""Making and revoking access tokens; only a token's checksum is stored."""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from django.db.models.expressions import Combinable
from django.dispatch import Signal
from django.utils import timezone
from oauth2_provider.models import AccessToken, RefreshToken, set_token_value

from canvas_channels.core.identity.models import DeveloperKey, User
from canvas_channels.core.statements import Statement, read_in_part

NEVER = datetime(9999, 12, 31, tzinfo=UTC)  # the column is not nullable; this stands for "no end"

_TOKEN_FIELDS = ("id", "user_id", "application_id", "expires", "scope")
_USER_FIELDS = (
    "id",
    "name",
    "short_name",
    "sortable_name",
    "locale",
    "time_zone",
    "home_account_id",
    "workflow_state",
    "is_site_admin",
    "is_staff",
    "is_superuser",
    "created_at",
)
_KEY_FIELDS = ("id", "name", "sns_arn", "require_scopes", "workflow_state")
_USER_AT, _KEY_AT = len(_TOKEN_FIELDS), len(_TOKEN_FIELDS) + len(_USER_FIELDS)
_BESIDE_AT = _KEY_AT + len(_KEY_FIELDS)


def with_owners(*beside: Combinable) -> Statement:
    """By a token's checksum: the token, its user and its developer key, and what else a call needs."""
    user = [f"user__{field}" for field in _USER_FIELDS]
    key = [f"application__{field}" for field in _KEY_FIELDS]

    def found(checksum: str) -> Any:
        tokens = AccessToken.objects.filter(token_checksum=checksum)
        return tokens.values_list(*_TOKEN_FIELDS, *user, *key, *beside)

    return Statement(found, checksum="a token's checksum")


_WITH_OWNERS = with_owners()

last_token_revoked = Signal()
"""Sent in the transaction, with ``user_id`` and ``developer_key_id``, once a user has no token of a key."""


def create_token(
    user: User,
    developer_key: DeveloperKey,
    *,
    scopes: Iterable[str] = (),
    expires: datetime | None = None,
) -> tuple[AccessToken, str]:
    """Make an access token; ``expires`` None means never. The plain text is returned once, never stored."""
    plain = secrets.token_urlsafe(48)
    token = AccessToken(
        user=user,
        application=developer_key,
        scope=" ".join(scopes),
        expires=expires or NEVER,
    )
    set_token_value(token, plain)
    token.save()
    return token, plain


def find_token(plain: str, statement: Statement | None = None) -> AccessToken | None:
    """The token with its user and developer key, of which only what calls need is read: one statement.

    ``statement`` is one of :func:`with_owners`; what it reads besides is the token's ``beside``, a tuple.
    """
    rows = (statement or _WITH_OWNERS).fetch_first(checksum=checksum(plain))
    if not rows:
        return None
    [row] = rows
    token = read_in_part(AccessToken, _TOKEN_FIELDS, row[:_USER_AT])
    if token.user_id is not None:
        token._state.fields_cache["user"] = read_in_part(User, _USER_FIELDS, row[_USER_AT:_KEY_AT])
    if token.application_id is not None:
        key = read_in_part(DeveloperKey, _KEY_FIELDS, row[_KEY_AT:_BESIDE_AT])
        token._state.fields_cache["application"] = key
    token.beside = row[_BESIDE_AT:]
    return token


def is_expired(token: AccessToken) -> bool:
    return bool(token.expires <= timezone.now())


def checksum(plain: str) -> str:
    """What a token is looked up by."""
    return hashlib.sha256(plain.encode()).hexdigest()


@transaction.atomic
def revoke_token(token: AccessToken) -> None:
    """Revoke an access token and the refresh token that came with it."""
    user_id, key_id = token.user_id, token.application_id
    for refresh_token in RefreshToken.objects.filter(access_token=token, revoked__isnull=True):
        refresh_token.revoke()  # deletes the access token too
    AccessToken.objects.filter(pk=token.pk).delete()
    announce_if_last(user_id, key_id)


@transaction.atomic
def revoke_refresh_token(token: RefreshToken) -> None:
    """Revoke a refresh token and the access token that came with it."""
    user_id, key_id = token.user_id, token.application_id
    token.revoke()  # deletes the access token too
    announce_if_last(user_id, key_id)


def announce_if_last(user_id: int | None, developer_key_id: int | None) -> None:
    """Send :data:`last_token_revoked` where the user holds no access or live refresh token of the key."""
    of_key = {"user_id": user_id, "application_id": developer_key_id}
    if AccessToken.objects.filter(**of_key).exists():
        return
    if not RefreshToken.objects.filter(**of_key, revoked__isnull=True).exists():
        last_token_revoked.send(sender=None, user_id=user_id, developer_key_id=developer_key_id)
