"""Probes for load balancers, and metrics for Prometheus. Whatever ``Host`` they come with will do."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from canvas_channels.operations import exposition, readiness


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process lives and answers; whatever else may be wrong, starting it again would not help."""
    return JsonResponse({"alive": True})


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    found = readiness.problems()
    ready = readiness.is_ready(found)
    return JsonResponse({"ready": ready, "problems": found}, status=200 if ready else 503)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Not there at all without ``METRICS_TOKEN``: the port is the one that the public comes to."""
    if not settings.METRICS_TOKEN:
        return HttpResponse(status=404)
    if not exposition.is_allowed(request.headers.get("Authorization", "")):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    return HttpResponse(exposition.of_service(), content_type=exposition.CONTENT_TYPE)
