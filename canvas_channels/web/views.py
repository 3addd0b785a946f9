"""The home page, and help."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from canvas_channels.web.pages import page


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """People who are signed in came for their channels."""
    return redirect("channels") if request.user.is_authenticated else page(request, "home.html")


@require_safe
def help_page(request: HttpRequest) -> HttpResponse:
    return page(request, "help.html")
