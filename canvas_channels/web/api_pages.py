"""The API's description: the file for programs, and pages of ours for people.

Not Swagger UI nor Redoc: a page weighs a tenth of a hundredth of theirs, runs no script, and can be used by
keyboard, with a screen reader and on a phone.
"""

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from canvas_channels.openapi import reading
from canvas_channels.web.pages import page


@require_safe
@cache_control(public=True, max_age=300)
def schema(request: HttpRequest) -> HttpResponse:
    return HttpResponse(reading.as_json(), content_type="application/json")


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    context = {
        "paragraphs": reading.overview(),
        "ways_in": reading.ways_in(),
        "sections": reading.sections(),
    }
    return page(request, "api_docs.html", context)


@require_safe
def section(request: HttpRequest, slug: str) -> HttpResponse:
    """The operations of a tag."""
    for found in reading.sections():
        if found.slug == slug:
            return page(request, "api_section.html", {"section": found, "sections": reading.sections()})
    raise Http404


@require_safe
def errors(request: HttpRequest) -> HttpResponse:
    context = {
        "errors": reading.errors(),
        "error_types": reading.error_types(),
        "oauth_errors": reading.oauth_errors(),
        "sections": reading.sections(),
    }
    return page(request, "api_errors.html", context)


@require_safe
def objects(request: HttpRequest) -> HttpResponse:
    return page(request, "api_objects.html", {"objects": reading.objects(), "sections": reading.sections()})
