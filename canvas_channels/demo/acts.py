"""What makes time pass in the demo, and messages bounce. Routed in the demo only."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from canvas_channels.core.rest.requests import CanvasRequest
from canvas_channels.demo.access import View, loopback_only, own_pages_only
from notifications.messages.models import Message
from notifications.scheduling import digests, waiting
from notifications.webhooks import bounces
from notifications.webhooks.tracking import Kind, Report

State, WaitsFor = Message.WorkflowState, Message.WaitsFor


def act(view: View) -> View:
    return csrf_exempt(require_POST(loopback_only(own_pages_only(view))))


@act
def make_digests(request: HttpRequest) -> HttpResponse:
    """Make the digests that are due ``at`` a moment; without it all of them."""
    at = _params(request).get("at")
    moment = _moment(str(at)) if at else None
    if at and moment is None:
        return _refuse("at", "must be a date and time in ISO 8601")
    return _done(request, made=digests.make(moment))


@act
def make_due(request: HttpRequest) -> HttpResponse:
    """Let ``minutes`` pass for what waits for a delay or for quiet hours; without them whatever it takes."""
    given = _params(request).get("minutes")
    waits = Message.objects.filter(
        workflow_state=State.STAGED, waits_for__in=[WaitsFor.DELAY, WaitsFor.QUIET_HOURS]
    )
    if given in {None, ""}:
        moved = waits.update(due_at=Now())
    else:
        try:
            passed = timedelta(minutes=float(str(given)))
        except (ValueError, OverflowError):
            return _refuse("minutes", "must be a number")
        moved = waits.update(due_at=F("due_at") - passed)
    waiting.collect(heed_quiet_hours=False)
    return _done(request, moved=moved)


@act
def bounce(request: HttpRequest) -> HttpResponse:
    """A permanent bounce of the newest message to an address, as a provider reports it."""
    to = str(_params(request).get("to") or "")
    if not to:
        return _refuse("to", "can't be blank")
    newest = Message.objects.filter(address__iexact=to, workflow_state=State.SENT).order_by("-id").first()
    known_as = newest.provider_id if newest else ""
    report = Report(Kind.PERMANENT, to, None, "550 5.1.1 No such user", known_as)
    with transaction.atomic():
        bounces.record([report], timezone.now())
    return _done(request, to=to)


def _params(request: HttpRequest) -> dict[str, Any]:
    return CanvasRequest(request).params


def _moment(text: str) -> datetime | None:
    try:
        moment = parse_datetime(text)
    except ValueError:
        return None
    return moment if moment is None or timezone.is_aware(moment) else timezone.make_aware(moment)


def _done(request: HttpRequest, **told: Any) -> HttpResponse:
    """For programs; a person comes back to the page."""
    if "text/html" in request.headers.get("Accept", ""):
        return redirect("demo_outbox")
    return JsonResponse(told)


def _refuse(attribute: str, message: str) -> HttpResponse:
    error = {"attribute": attribute, "type": "invalid", "message": message}
    return JsonResponse({"errors": {attribute: [error]}}, status=400)
