"""The outbox, for programs and for people. It shows confirmation codes: routed in the demo only."""

import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from canvas_channels.demo.access import loopback_only
from canvas_channels.demo.outbox import sent_messages
from canvas_channels.web.pages import POLICY, policy

WAIT_SECONDS = 2.0  # for the first message to an address: the worker takes a moment
POLL_SECONDS = 0.05
MOST = 200  # on a page

# A mail's own styles are inline. It loads nothing, runs nothing, and only the outbox may show it.
_MAIL = "sandbox allow-popups; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"


def recipient(request: HttpRequest) -> str:
    """The ``to`` parameter. A leading blank was a plus sign, as in ``?to=+16265550100`` typed by hand."""
    to = request.GET.get("to", "")
    return f"+{to[1:]}" if to.startswith(" ") else to


def _sent(to: str = "") -> list[dict[str, Any]]:
    return sent_messages(Path(settings.DEMO_OUTBOX_FILE), to)


@require_safe
@loopback_only
def outbox_json(request: HttpRequest) -> HttpResponse:
    """With ``to``, the answer waits up to two seconds for a first message."""
    to = recipient(request)
    deadline = time.monotonic() + WAIT_SECONDS
    while not (messages := _sent(to)) and to and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return JsonResponse(messages, safe=False)


@require_safe
@loopback_only
def outbox_page(request: HttpRequest) -> HttpResponse:
    to = recipient(request)
    response = render(request, "demo/outbox.html", {"sent": _sent(to)[::-1][:MOST], "to": to})
    response[POLICY] = f"{policy()}; frame-src 'self'"
    return response


@require_safe
@loopback_only
@xframe_options_sameorigin
def outbox_mail(request: HttpRequest, number: int) -> HttpResponse:
    """The HTML of an email, as a frame of the page shows it."""
    for message in _sent():
        if message["id"] == number and message.get("html"):
            return HttpResponse(message["html"], headers={POLICY: _MAIL})
    raise Http404
