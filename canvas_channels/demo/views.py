"""The outbox, for programs and for people. It shows confirmation codes: routed in the demo only."""

import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import login
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.dateparse import parse_datetime
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_POST, require_safe
from procrastinate.contrib.django.models import ProcrastinateJob

from canvas_channels.core.identity.names import users_named
from canvas_channels.demo.access import loopback_only
from canvas_channels.demo.outbox import sent_messages
from canvas_channels.demo.people import PEOPLE
from canvas_channels.web.pages import POLICY, policy

WAIT_SECONDS = 2.0  # for a first message to an address
BUSY_SECONDS = 20.0  # for what the worker has yet to do
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
    """With ``to``, the answer waits for what is on its way, and up to two seconds for a first message."""
    to = recipient(request)
    began = time.monotonic()
    while to and _may_come(to, time.monotonic() - began):
        time.sleep(POLL_SECONDS)
    return JsonResponse(_sent(to), safe=False)


def _may_come(to: str, waited: float) -> bool:
    """Whether another message is to be expected after so many seconds."""
    if waited < BUSY_SECONDS and _due_jobs().exists():
        return True
    return waited < WAIT_SECONDS and not _sent(to)


def _due_jobs() -> QuerySet[ProcrastinateJob]:
    waits_or_runs = ProcrastinateJob.objects.filter(status__in=["todo", "doing"])
    return waits_or_runs.filter(Q(scheduled_at=None) | Q(scheduled_at__lte=Now()))


@require_safe
@loopback_only
def outbox_page(request: HttpRequest) -> HttpResponse:
    to = recipient(request)
    sent = [
        {**message, "sent_at": parse_datetime(message["sent_at"])} for message in _sent(to)[: -MOST - 1 : -1]
    ]
    context = {"sent": sent, "to": to, "people": PEOPLE, "scripts": True}
    with translation.override("en"):  # the frame too: the rest is in no other language
        response = render(request, "demo/outbox.html", context)
    response[POLICY] = f"{policy(scripts=True)}; frame-src 'self'"
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


@require_POST
@loopback_only
@csrf_protect
def sign_in(request: HttpRequest) -> HttpResponse:
    """Become one of the demo's people, without a password."""
    person = PEOPLE.get(request.POST.get("person", ""))
    user = users_named(person.login).first() if person else None
    if person is None or user is None or not user.is_active:
        raise Http404
    login(request, user, backend="canvas_channels.identity.backends.LoginBackend")
    return redirect(person.begins_at)
