"""The outbox, for programs and for people. It shows confirmation codes: routed in the demo only."""

from collections.abc import Callable
from functools import wraps
from ipaddress import ip_address
from pathlib import Path

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from canvas_channels.demo.outbox import sent_messages

View = Callable[[HttpRequest], HttpResponse]


def loopback_only(view: View) -> View:
    """Hides a view from other machines, should the demo ever listen to them."""

    @wraps(view)
    def wrapped(request: HttpRequest) -> HttpResponse:
        try:
            local = ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
        except ValueError:
            local = False
        if not local:
            raise Http404
        return view(request)

    return wrapped


def recipient(request: HttpRequest) -> str:
    """The ``to`` parameter. A leading blank was a plus sign, as in ``?to=+16265550100`` typed by hand."""
    to = request.GET.get("to", "")
    return f"+{to[1:]}" if to.startswith(" ") else to


@require_safe
@loopback_only
def outbox_json(request: HttpRequest) -> HttpResponse:
    messages = sent_messages(Path(settings.DEMO_OUTBOX_FILE), recipient(request))
    return JsonResponse(
        [{name: value for name, value in message.items() if name != "html"} for message in messages],
        safe=False,
    )


@require_safe
@loopback_only
def outbox_page(request: HttpRequest) -> HttpResponse:
    to = recipient(request)
    messages = sent_messages(Path(settings.DEMO_OUTBOX_FILE), to)
    return render(request, "demo/outbox.html", {"messages": messages[::-1][:200], "to": to})
