"""What a bounce, a complaint or a delivery changes on the channels of its address.

As Canvas's ``CommunicationChannel.bounce_for_path``: all users' live email channels of the address; only a
permanent bounce raises ``bounce_count``, a suppression sets its time alone, a transient one its time and
summary; nothing changes again within the hour. Canvas does not hear of complaints: here one counts as a
permanent bounce, since whoever sends on is soon refused by everyone. A delivery sets the count back to 0.

Events come in any order: a bounce from before the last delivery, or before an admin forgot the bounces,
leaves its time and summary, but does not count.
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case, F, PositiveIntegerField, Q, Value, When
from django.utils import timezone

from canvas_channels.metrics import BOUNCES
from channels_api import audit
from channels_api.addresses import compared, mask
from channels_api.audit import Action
from channels_api.models import LIVE, CommunicationChannel
from notifications.webhooks.tracking import Kind, Report

logger = logging.getLogger(__name__)

ONE_COUNT_PER = timedelta(hours=1)
MAX_SUMMARY = 1000  # characters


def record(reports: Iterable[Report], received_at: datetime) -> None:
    """Apply what was reported. Runs in the caller's transaction.

    A time that a provider does not say, or that is yet to come, is ``received_at``.
    """
    for report in reports:
        if "\x00" in report.address:  # nobody's
            continue
        at = min(report.at or received_at, received_at)
        due = _lock(report.address, _due(report.kind, at), at)
        changed = CommunicationChannel.objects.filter(pk__in=[pk for pk, _, _ in due])
        changed.update(**_changes(report, at), updated_at=timezone.now())
        delivered = report.kind is Kind.DELIVERY
        action = Action.RESET_BOUNCE_COUNT if delivered else Action.BOUNCE
        told = [(pk, user_id) for pk, user_id, resets in due if resets or not delivered]
        audit.record_all(None, action, told, because=report.kind.value)
        BOUNCES.labels(report.kind.value).inc()
        logger.info(
            "webhook reported",
            extra={"action": report.kind.value, "address": mask(report.address), "channels": len(due)},
        )


def _lock(address: str, due: Q, at: datetime) -> list[tuple[int, int, bool]]:
    """The ids of the address's live channels that are due, and of their users; whether a delivery resets it.

    Locked in one order, so that two reports never wait for each other; a row that another one changed
    meanwhile is looked at again, as it is now.
    """
    channels = CommunicationChannel.objects.filter(
        LIVE, due, address_folded=compared(address), type=CommunicationChannel.Type.EMAIL
    )
    fields = ("pk", "user_id", "bounce_count", "last_bounce_at")
    rows = channels.select_for_update(no_key=True).order_by("pk").values_list(*fields)
    return [(pk, user_id, count > 0 and (last is None or last < at)) for pk, user_id, count, last in rows]


def _due(kind: Kind, at: datetime) -> Q:
    """Which channels change: an hour after the last of that kind; a delivery that is the newest known."""
    if kind is Kind.DELIVERY:
        return Q(last_delivery_at=None) | Q(last_delivery_at__lt=at)
    field = {Kind.SUPPRESSION: "last_suppression_bounce_at", Kind.TRANSIENT: "last_transient_bounce_at"}.get(
        kind, "last_bounce_at"
    )
    return Q(**{field: None}) | Q(**{f"{field}__lte": at - ONE_COUNT_PER})


def _changes(report: Report, at: datetime) -> dict[str, Any]:
    summary = report.summary.replace("\x00", "")[:MAX_SUMMARY] or None
    match report.kind:
        case Kind.DELIVERY:
            older = Q(last_bounce_at=None) | Q(last_bounce_at__lt=at)
            return {
                "last_delivery_at": at,
                "bounce_count": Case(
                    When(older, then=Value(0, PositiveIntegerField())), default=F("bounce_count")
                ),
            }
        case Kind.SUPPRESSION:
            return {"last_suppression_bounce_at": at}
        case Kind.TRANSIENT:
            return {"last_transient_bounce_at": at, "last_transient_bounce_summary": summary}
        case _:
            past = Q(last_delivery_at__gt=at) | Q(bounce_count_reset_at__gt=at)
            return {
                "bounce_count": Case(When(past, then=F("bounce_count")), default=F("bounce_count") + 1),
                "last_bounce_at": at,
                "last_bounce_summary": summary,
            }
