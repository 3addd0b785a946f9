"""Turns exceptions into answers (docs/contract.md, section 2): no HTML under the API, never a stack trace."""

import logging
import uuid
from typing import Any

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response

from canvas_channels.core import outages
from canvas_channels.core.rest.errors import (
    CanvasError,
    MalformedRequest,
    NotAuthorized,
    ResourceNotFound,
    Unavailable,
    messages,
)

logger = logging.getLogger(__name__)

API_PREFIXES = ("/api/", "/confirmations/", "/webhooks/", "/login/oauth2/token/")


def exception_handler(exception: Exception, context: dict[str, Any]) -> Response:
    """DRF's hook for what a view raised; the view's own ``atomic`` has rolled back what it wrote."""
    if isinstance(exception, SuspiciousOperation):
        exception = MalformedRequest("The request cannot be read.")
    elif isinstance(exception, Http404):
        exception = ResourceNotFound()
    elif isinstance(exception, PermissionDenied):
        exception = NotAuthorized()
    elif not isinstance(exception, exceptions.APIException) and outages.reported(exception):
        exception = Unavailable()
    if isinstance(exception, CanvasError):
        content_type = "text/plain; charset=utf-8" if isinstance(exception.body, str) else None
        return Response(
            exception.body, status=exception.status_code, headers=exception.headers, content_type=content_type
        )
    if isinstance(exception, exceptions.APIException):
        return Response(messages(str(exception.detail)), status=exception.status_code)
    return Response(report_fault(exception), status=500)


def report_fault(exception: BaseException | None) -> dict[str, Any]:
    """Log a fault of ours under an id that the client is told."""
    report_id = uuid.uuid4().hex
    logger.error("internal error", exc_info=exception, extra={"error_report_id": report_id})
    error = {"message": "An error occurred.", "error_code": "internal_server_error"}
    return {"errors": [error], "error_report_id": report_id}


def is_api(request: HttpRequest) -> bool:
    """``core.middleware.rails_paths`` has cut off a slash at the end."""
    return f"{request.path_info}/".startswith(API_PREFIXES)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api(request):
        return JsonResponse(messages("The request cannot be read."), status=400)
    return defaults.bad_request(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api(request):
        return JsonResponse(ResourceNotFound().body, status=404)
    return defaults.page_not_found(request, exception)


def unavailable() -> HttpResponse:
    error = Unavailable()
    return JsonResponse(error.body, status=error.status_code, headers=error.headers)


def server_error(request: HttpRequest) -> HttpResponse:
    if is_api(request):
        return JsonResponse(report_fault(None), status=500)
    return defaults.server_error(request)
