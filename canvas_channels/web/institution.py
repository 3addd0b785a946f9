"""Whose pages these are: an account's name and logo, on every page."""

from functools import cache, partial
from typing import Any, NamedTuple

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from canvas_channels.core.identity.models import Account, AccountLogo
from canvas_channels.web.pages import POLICY

A_YEAR = 365 * 24 * 60 * 60  # seconds; another logo has another path


class Institution(NamedTuple):
    """``logo`` is a path, and empty where there is none."""

    name: str
    logo: str


def context(request: HttpRequest) -> dict[str, Any]:
    """For every template; the institution is looked up when shown."""
    return {
        "institution": cache(partial(_institution, request)),
        "version": settings.VERSION,
        "languages": settings.LANGUAGES,  # each named in itself, which Django's tag would translate
    }


def _institution(request: HttpRequest) -> Institution | None:
    """The home account of the user who is signed in, else the default one; one statement.

    None for a request that was refused before anybody asked who sent it, perhaps for want of the database.
    """
    user = getattr(request, "user", None)
    if user is None:
        return None
    whose = {"pk": user.home_account_id} if user.is_authenticated else {"is_default": True}
    account = Account.objects.filter(**whose).select_related("logo").defer("logo__content").first()
    if account is None:
        return None
    logo = getattr(account, "logo", None)
    return Institution(account.name, logo.url if logo else "")


@require_safe
@cache_control(public=True, max_age=A_YEAR, immutable=True)
def logo(request: HttpRequest, account_id: int, digest: str) -> HttpResponse:
    """An image and nothing else, whatever is in the file: no script, no style, no type but its own."""
    found = get_object_or_404(AccountLogo, account=account_id, digest=digest)
    answer = HttpResponse(bytes(found.content), content_type=found.media_type)
    answer[POLICY] = "default-src 'none'; sandbox"
    return answer
