"""What every page has in common: headers that let nothing in and nothing out."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

# A page needs its style sheet and may post its form to us: nothing else, from nowhere else.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


def page(
    request: HttpRequest, template: str, context: dict[str, Any] | None = None, status: int = 200
) -> HttpResponse:
    """Render a page of ``templates/web``."""
    return protect(render(request, f"web/{template}", context, status=status))


def protect(response: HttpResponse) -> HttpResponse:
    response["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    return response
