"""What a user's language and time zone may be, wherever they are set."""

import re
from functools import cache
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.utils import translation

_LOCALE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")  # the form of RFC 5646's tags


@cache
def time_zones() -> frozenset[str]:
    """IANA's names. Read once: it walks through hundreds of files, of which two are no zones of anybody."""
    return frozenset(available_timezones() - {"Factory", "localtime"})


def validate_time_zone(name: str) -> None:
    if name not in time_zones():
        raise ValidationError("must be the name of a time zone, as America/Denver", code="invalid")


def validate_locale(locale: str) -> None:
    """A language that there are texts in, or a kind of one, as ``es-MX``."""
    try:
        known = _LOCALE.fullmatch(locale) and translation.get_supported_language_variant(locale)
    except LookupError:
        known = None
    if not known:
        raise ValidationError("must be a language that there are texts in, as de", code="invalid")
