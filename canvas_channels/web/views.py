"""The home page."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from canvas_channels.web.pages import page


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    return page(request, "home.html")
