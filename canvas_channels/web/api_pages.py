"""The API's description: the file for programs, and for people a viewer, and pages that need no script.

Those weigh a hundredth of the viewer, and can be used by keyboard, with a screen reader and on a phone.
"""

from functools import cache
from pathlib import Path
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from canvas_channels.openapi import reading
from canvas_channels.web.pages import POLICY, VIEWER_POLICY, page

VIEWER = "web/scalar/scalar-*.js"  # ``scripts/viewer`` puts it there


@require_safe
@cache_control(public=True, max_age=300)
def schema(request: HttpRequest) -> HttpResponse:
    return HttpResponse(reading.as_json(), content_type="application/json")


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    shared = {"who": "Who asks", "headers": "Headers of answers"}
    context = {
        "paragraphs": reading.overview(),
        "security_schemes": reading.security_schemes(),
        "headers": reading.headers(),
        "contents": shared | {one.slug: one.name for one in reading.sections()},
    }
    return _page(request, "api_docs.html", context)


@require_safe
def section(request: HttpRequest, slug: str) -> HttpResponse:
    """The operations of a tag."""
    for found in reading.sections():
        if found.slug == slug:
            contents = {operation["id"]: operation["summary"] for operation in found.operations}
            return _page(request, "api_section.html", {"section": found, "contents": contents})
    raise Http404


@require_safe
def errors(request: HttpRequest) -> HttpResponse:
    context = {
        "errors": reading.errors(),
        "error_types": reading.error_types(),
        "oauth_errors": reading.oauth_errors(),
        "contents": {
            "types": "What to do about a refused value",
            "oauth": "What to do about a refusal of OAuth",
            **{error["name"]: f"{error['status']} {error['name']}" for error in reading.errors()},
        },
    }
    return _page(request, "api_errors.html", context)


@require_safe
def objects(request: HttpRequest) -> HttpResponse:
    names = [one["name"] for one in reading.objects()]
    context = {"objects": reading.objects(), "contents": dict(zip(names, names, strict=True))}
    return _page(request, "api_objects.html", context)


def _page(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    """``contents``: the title of each part of the page, by its id."""
    return page(request, template, {"sections": reading.sections(), **context})


@require_safe
def reference(request: HttpRequest) -> HttpResponse:
    """All of it in a viewer, which calls the API with the session of who reads."""
    response = page(request, "api_reference.html", {"viewer": _viewer()})
    response[POLICY] = VIEWER_POLICY
    return response


@cache
def _viewer() -> str:
    """The static file, whose name has its version."""
    static = Path(__file__).parent / "static"
    [found] = static.glob(VIEWER)
    return found.relative_to(static).as_posix()
