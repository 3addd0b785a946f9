"""Why channels reach nobody, in a few kinds that an admin can do something about.

A bounce says why in its own words, with the codes of RFC 3463 (5.1.1) or of RFC 5321 (550); those decide. A
channel is unconfirmed for what became of its newest message.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import Case, IntegerField, OuterRef, Q, QuerySet, Subquery, Value, When
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from channels_api.models import BOUNCING, Confirmation

Channels = QuerySet[Any]  # of CommunicationChannel


class Reasons(NamedTuple):
    """``words``: of each reason, in the order in which a list has them.

    ``explain`` annotates channels with ``reason``, its place in that order.
    """

    words: Mapping[str, Promise]
    explain: Callable[[Channels], Channels]


def _says(*codes: str) -> Q:
    """Whether the summary has one of the codes: a number of its own, and not a part of an IP address."""
    found = Q()
    for code in codes:
        found |= Q(last_bounce_summary__regex=rf"(^|[^0-9.]){code}($|[^0-9.]|\.($|[^0-9]))")
    return found


_BOUNCES = {
    "no_mailbox": gettext_lazy("There is no such mailbox"),
    "full": gettext_lazy("The mailbox is full"),
    "refused": gettext_lazy("Refused as unwanted"),
    "server": gettext_lazy("Their mail server has trouble"),
    "other": gettext_lazy("Another reason"),
    "none": gettext_lazy("No reason was given"),
}
_WAITING = {
    "bounced": gettext_lazy("Messages come back"),
    "refused": gettext_lazy("Whoever got the message said that it was not them"),
    "failed": gettext_lazy("The message could not be sent"),
    "never": gettext_lazy("No message was asked for"),
    "old": gettext_lazy("The last message is too old"),
    "waits": gettext_lazy("A message was sent, and not answered yet"),
}


def _explain_bounces(channels: Channels) -> Channels:
    explained: Channels = channels.annotate(
        reason=_first(
            _BOUNCES,
            ("none", Q(last_bounce_summary=None) | Q(last_bounce_summary="")),
            ("full", _says(r"[245]\.2\.2")),
            ("no_mailbox", _says(r"[245]\.1\.[0-9]+", r"[245]\.2\.1")),
            ("refused", _says(r"[245]\.7\.[0-9]+")),
            ("server", _says(r"[245]\.[2-6]\.[0-9]+")),
            ("full", _says("[45]52")),
            ("no_mailbox", _says("55[013]")),
            ("refused", _says("554")),
            default="other",
        )
    )
    return explained


def _explain_waiting(channels: Channels) -> Channels:
    newest = Confirmation.objects.filter(channel=OuterRef("pk")).order_by("-created_at", "-id")
    asked = channels.annotate(
        asked_state=Subquery(newest.values("workflow_state")[:1]),
        asked_at=Subquery(newest.values("created_at")[:1]),
        asked_refused_at=Subquery(newest.values("refused_at")[:1]),
    )
    too_old = timezone.now() - timedelta(days=settings.CONFIRMATION_EMAIL_DAYS)
    explained: Channels = asked.annotate(
        reason=_first(
            _WAITING,
            ("bounced", BOUNCING),
            ("refused", Q(asked_refused_at__isnull=False)),
            ("failed", Q(asked_state=Confirmation.WorkflowState.FAILED)),
            ("never", Q(asked_state=None)),
            ("old", Q(asked_at__lt=too_old)),
            default="waits",
        )
    )
    return explained


def _first(words: Mapping[str, Promise], *conditions: tuple[str, Q], default: str) -> Case:
    """The place of the reason whose condition is the first that holds."""
    places = {reason: Value(place) for place, reason in enumerate(words)}
    cases = (When(condition, then=places[reason]) for reason, condition in conditions)
    return Case(*cases, default=places[default], output_field=IntegerField())


OF_BOUNCES = Reasons(_BOUNCES, _explain_bounces)
OF_WAITING = Reasons(_WAITING, _explain_waiting)
