"""The language that a request is answered in: the signed-in user's own, else what the browser asks for."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.utils import translation


class PageLanguage(LocaleMiddleware):
    """Django's, which knows only the browser's, and leaves its choice on the thread for the next request.

    The next one may not come this far: a token's call, or a refusal.
    """

    def process_view(self, request: HttpRequest, *view: Any) -> None:
        if request.user.is_authenticated and request.user.locale:
            translation.activate(language_of(request, request.user.locale))
            request.LANGUAGE_CODE = translation.get_language()

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        answer = super().process_response(request, response)
        translation.deactivate()
        return answer


def language_of(request: HttpRequest, locale: str) -> str:
    """The language that there are texts in for a locale, such as ``es`` for ``es-MX``.

    Without any: of those that the browser asks for.
    """
    try:
        return translation.get_supported_language_variant(locale)
    except LookupError:
        return translation.get_language_from_request(request)
