"""Logos of accounts: small images, kept in the database, so that every web process has them."""

import hashlib

from django.core.exceptions import ValidationError

from canvas_channels.core.identity.models import Account, AccountLogo

MAX_BYTES = 30_000  # of the 100 KB that a page may weigh
TOO_LARGE = f"The file may have at most {MAX_BYTES // 1000} KB."
_PNG, _JPEG, _RIFF = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF"


def media_type_of(content: bytes) -> str:
    """By what such files begin with; none of them can hold a script, as SVG can.

    Raises :class:`ValidationError` for what is too large, or no PNG, JPEG or WebP image.
    """
    if len(content) > MAX_BYTES:
        raise ValidationError(TOO_LARGE)
    if content.startswith(_PNG):
        return "image/png"
    if content.startswith(_JPEG):
        return "image/jpeg"
    if content.startswith(_RIFF) and content[8:12] == b"WEBP":
        return "image/webp"
    raise ValidationError("Choose a PNG, JPEG or WebP image.")


def set_logo(account: Account, content: bytes) -> None:
    """Empty content ends it. Raises as :func:`media_type_of`."""
    if not content:
        AccountLogo.objects.filter(account=account).delete()
        return
    digest = hashlib.sha256(content).hexdigest()[:16]
    values = {"content": content, "media_type": media_type_of(content), "digest": digest}
    AccountLogo.objects.update_or_create(account=account, defaults=values)
