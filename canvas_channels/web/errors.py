"""What people are shown when something is refused or fails: pages like the others, in words.

The API's own paths answer in JSON (``rest.handlers``), and so does what asks for no page.
"""

import sys

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils import translation

from canvas_channels.core import outages
from canvas_channels.core.middleware.throttle import ThrottleMiddleware
from canvas_channels.core.rest import handlers
from canvas_channels.core.rest.errors import RateLimitExceeded, Unavailable, messages
from canvas_channels.web.pages import page
from canvas_channels.web.words import try_again

HTML = "text/html"


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if outages.reported(exception):  # as Django's sessions say it
        return unavailable(request)
    if isinstance(exception, DisallowedHost):
        return _unknown_host(request)
    if handlers.is_api(request):
        return handlers.bad_request(request, exception)
    return page(request, "error_request.html", status=400)


def _unknown_host(request: HttpRequest) -> HttpResponse:
    """Names the host to use, and not the one that was asked for: an attacker may have chosen it."""
    if handlers.is_api(request):
        message = f"This host is not served: use {settings.PUBLIC_URL}."
        return JsonResponse(messages(message), status=400)
    return page(request, "error_host.html", {"public_url": settings.PUBLIC_URL}, status=400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return page(request, "error_forbidden.html", status=403)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that is not ours, or one that was open while its session ended."""
    return page(request, "error_form.html", status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if handlers.is_api(request):
        return handlers.not_found(request, exception)
    return page(request, "error_not_found.html", status=404)


def unavailable(request: HttpRequest) -> HttpResponse:
    """A page for browsers, which needs no database; JSON for other clients."""
    if handlers.is_api(request) or HTML not in request.headers.get("Accept", ""):
        return handlers.unavailable()
    language = getattr(request, "LANGUAGE_CODE", None) or translation.get_language_from_request(request)
    error = Unavailable()
    content = unavailable_page(language, error.retry_after)
    return HttpResponse(content, status=error.status_code, headers=error.headers)


def unavailable_page(language: str, retry_after: int) -> str:
    with translation.override(language):
        return render_to_string("web/error_unavailable.html", {"again": try_again(retry_after)})


def server_error(request: HttpRequest) -> HttpResponse:
    if outages.reported(sys.exc_info()[1]):
        return unavailable(request)
    if handlers.is_api(request):
        return handlers.server_error(request)
    # Without the request: what is wrong may be what the session or the user is read from.
    context = {"report_id": handlers.report_fault(None)["error_report_id"]}
    return HttpResponse(render_to_string("web/error_server.html", context), status=500)


class PageThrottle(ThrottleMiddleware):
    """Refuses browsers with a page."""

    def refuse(self, request: HttpRequest, error: RateLimitExceeded) -> HttpResponse:
        if HTML not in request.headers.get("Accept", ""):
            return super().refuse(request, error)
        with translation.override(translation.get_language_from_request(request)):
            context = {"again": try_again(error.retry_after)}
            answer = page(request, "error_throttled.html", context, status=error.status_code)
        for name, value in error.headers.items():
            answer[name] = value
        return answer
