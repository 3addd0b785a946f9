"""What every page has in common: headers that let nothing in and nothing out."""

from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers

# A page needs its style sheet and may post its form to us: nothing else, from nowhere else.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action {form_action}; "
    "base-uri 'none'; frame-ancestors 'none'"
)


def page(
    request: HttpRequest, template: str, context: dict[str, Any] | None = None, status: int = 200
) -> HttpResponse:
    """Render a page of ``templates/web``."""
    return protect(render(request, f"web/{template}", context, status=status))


def protect(response: HttpResponse, *, leads_to: str = "") -> HttpResponse:
    """``leads_to``: a URI elsewhere that a form's answer redirects to; browsers ask for that too."""
    form_action = "'self'"
    if leads_to:
        parts = urlsplit(leads_to)
        web = parts.scheme in {"http", "https"}
        form_action += f" {parts.scheme}://{parts.netloc}" if web else f" {parts.scheme}:"
    response["Content-Security-Policy"] = CONTENT_SECURITY_POLICY.format(form_action=form_action)
    return response


class ProtectedPage:
    """Mixed into Django's views: their answers are pages of ours, and no cache keeps them."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        add_never_cache_headers(response)
        return protect(response)
