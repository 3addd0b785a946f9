"""Confirmation codes, the secrets that refuse them, and what is kept of both.

A code is never stored: only an HMAC of it under a key derived from ``SECRET_KEY``, because a bare hash of
six digits is no secret. Codes in flight survive a rotation of the key: they are looked up under every
``SECRET_KEY_FALLBACKS`` entry too.
"""

import secrets

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

_EMAIL_BYTES = 24  # 192 bits; docs/contract.md, section 6, asks for at least 128
_SMS_DIGITS = 6
_REFUSAL_BYTES = 16  # 128 bits: in a text message every character counts
_EMAIL_SALT = "channels_api.codes.email"
_SMS_SALT = "channels_api.codes.sms"
_REFUSAL_SALT = "channels_api.codes.refusal"


def new_email_code() -> str:
    """A code for a link: 32 characters that need no escaping in a URL."""
    return secrets.token_urlsafe(_EMAIL_BYTES)


def new_sms_code() -> str:
    """Six digits, leading zeros kept."""
    return f"{secrets.randbelow(10**_SMS_DIGITS):0{_SMS_DIGITS}}"


def new_refusal() -> str:
    """A secret for the link that says "this was not me": 22 characters that need no escaping in a URL."""
    return secrets.token_urlsafe(_REFUSAL_BYTES)


def email_digest(code: str) -> str:
    """What is stored for a link's code."""
    return _digest(_EMAIL_SALT, code, settings.SECRET_KEY)


def email_digests(code: str) -> list[str]:
    """What may be stored for a link's code, under the present key and those before it."""
    return [_digest(_EMAIL_SALT, code, key) for key in _keys()]


def refusal_digest(secret: str) -> str:
    """What is stored for a refusing link's secret."""
    return _digest(_REFUSAL_SALT, secret, settings.SECRET_KEY)


def refusal_digests(secret: str) -> list[str]:
    """What may be stored for it, under the present key and those before it."""
    return [_digest(_REFUSAL_SALT, secret, key) for key in _keys()]


def sms_digest(confirmation_id: int, code: str) -> str:
    """What is stored for an SMS code; bound to its request, since many requests share a six-digit code."""
    return _digest(_SMS_SALT, f"{confirmation_id}:{code}", settings.SECRET_KEY)


def sms_matches(confirmation_id: int, code: str, digest: str) -> bool:
    """Whether ``digest`` was made of this code for this request; takes as long either way."""
    text = f"{confirmation_id}:{code}"
    matches = [constant_time_compare(_digest(_SMS_SALT, text, key), digest) for key in _keys()]
    return any(matches)


def _keys() -> list[str]:
    return [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]


def _digest(salt: str, text: str, key: str) -> str:
    return salted_hmac(salt, text.encode("utf-8", "surrogatepass"), key, algorithm="sha256").hexdigest()
