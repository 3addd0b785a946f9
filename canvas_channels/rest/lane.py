"""A short way for calls of the API that bring their token in a header: most of them."""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponse, HttpResponseBase
from django.template.response import SimpleTemplateResponse
from django.urls import resolve


class TokenLane:
    """Middleware that passes such a call straight to its view.

    It needs no session, CSRF token, locale or message, so it does not pay for the middleware behind this
    one. The views take care of their errors themselves (``rest.handlers``).
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if "HTTP_AUTHORIZATION" not in request.META or not request.path_info.startswith("/api/"):
            return self.get_response(request)
        request.resolver_match = match = resolve(request.path_info)
        response: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
        if isinstance(response, SimpleTemplateResponse):
            response = response.render()
        if isinstance(response, HttpResponse):
            response.headers.setdefault("Content-Length", str(len(response.content)))
        return response
