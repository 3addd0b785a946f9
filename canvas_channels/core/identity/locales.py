"""The language in which somebody is written to."""

from django.conf import settings
from django.utils import translation

from canvas_channels.core.identity.models import User


def locale_of(user: User) -> str:
    """The nearest language that there are texts in: the user's, else the account's, else the default."""
    try:
        return translation.get_supported_language_variant(user.locale or user.home_account.locale)
    except LookupError:
        return settings.LANGUAGE_CODE
