"""What a bounce, a complaint or a delivery changes on the channels of its address.

As Canvas's ``CommunicationChannel.bounce_for_path``: all users' live email channels of the address; only a
permanent bounce raises ``bounce_count``, a suppression sets its time alone, a transient one its time and
summary; nothing changes again within the hour. Canvas does not hear of complaints: here one counts as a
permanent bounce, since to keep sending ruins a sender's reputation. A delivery sets the count back to 0.

Events come in any order, and that order changes nothing: see :mod:`channels_api.channels.bounces`.
"""

import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from canvas_channels.core.metrics import BOUNCES
from channels_api import audit
from channels_api.addresses import compared, mask
from channels_api.audit import Action
from channels_api.channels import bounces
from channels_api.models import LIVE, CommunicationChannel
from notifications.messages.models import Message
from notifications.webhooks.tracking import Kind, Report

logger = logging.getLogger(__name__)

MAX_SUMMARY = 1000  # characters

_KINDS = {
    Kind.PERMANENT: bounces.Kind.PERMANENT,
    Kind.COMPLAINT: bounces.Kind.PERMANENT,
    Kind.TRANSIENT: bounces.Kind.TRANSIENT,
    Kind.SUPPRESSION: bounces.Kind.SUPPRESSION,
}


def record(reports: Iterable[Report], received_at: datetime) -> None:
    """Apply what was reported. Runs in the caller's transaction.

    A time that a provider does not say, or that is yet to come, is ``received_at``.
    """
    known = [
        (min(report.at or received_at, received_at), report)
        for report in reports
        if "\x00" not in report.address  # nobody's
    ]
    rows = _lock({compared(report.address) for _, report in known})
    before = {row.pk: _fields(row) for row in rows}
    for at, report in sorted(known, key=lambda each: each[0]):
        own = [row for row in rows if row.address_folded == compared(report.address)]
        changed = [(row.pk, row.user_id) for row in own if _apply(report, at, row)]
        delivered = report.kind is Kind.DELIVERY
        action = Action.RESET_BOUNCE_COUNT if delivered else Action.BOUNCE
        audit.record_all(None, action, changed, reason=report.kind.value)
        BOUNCES.labels(report.kind.value).inc()
        logger.info(
            "bounce or delivery reported",
            extra={"action": report.kind.value, "address": mask(report.address), "channels": len(own)},
        )
    _save(rows, before)
    _move_messages(report for _, report in known)


@transaction.atomic
def record_refusal(address: str, reply: str, **_signal: Any) -> None:
    """A mail server refused the address at once, as others do in a report that comes later."""
    now = timezone.now()
    record([Report(Kind.PERMANENT, address, now, reply)], now)


def _move_messages(reports: Iterable[Report]) -> None:
    """What was sent and did not arrive has bounced; whatever else became of a message stays."""
    for report in reports:
        if report.message_id and report.kind in {Kind.PERMANENT, Kind.SUPPRESSION}:
            sent = Message.objects.filter(
                provider_id=report.message_id.replace("\x00", ""),
                type=CommunicationChannel.Type.EMAIL,
                workflow_state=Message.WorkflowState.SENT,
            )
            sent.update(
                workflow_state=Message.WorkflowState.BOUNCED,
                failure=report.summary.replace("\x00", "")[:MAX_SUMMARY],
                updated_at=timezone.now(),
            )


def _lock(addresses: set[str]) -> list[CommunicationChannel]:
    """The live email channels of the addresses: locked in one order, so that nobody waits in a circle."""
    if not addresses:
        return []
    channels = CommunicationChannel.objects.filter(
        LIVE, address_folded__in=addresses, type=CommunicationChannel.Type.EMAIL
    )
    own = channels.only("user", "address_folded", "updated_at", *bounces.FIELDS)
    return list(own.select_for_update(no_key=True).order_by("pk"))


def _apply(report: Report, at: datetime, channel: CommunicationChannel) -> bool:
    """Whether it is one for the audit trail: a delivery is only where it resets the count."""
    if report.kind is Kind.DELIVERY:
        count = channel.bounce_count
        bounces.delivered(channel, at)
        return channel.bounce_count != count
    before = _fields(channel)
    kind = _KINDS[report.kind]
    summary = report.summary.replace("\x00", "")[:MAX_SUMMARY] or None
    bounces.bounced(channel, kind, at, None if kind is bounces.Kind.SUPPRESSION else summary)
    return bool(_changed(before, channel) - {"bounce_history"})


def _fields(channel: CommunicationChannel) -> dict[str, object]:
    return {name: getattr(channel, name) for name in bounces.FIELDS}


def _changed(before: dict[str, object], channel: CommunicationChannel) -> set[str]:
    return {name for name, value in _fields(channel).items() if value != before[name]}


def _save(rows: list[CommunicationChannel], before: dict[int, dict[str, object]]) -> None:
    """One statement, of what changed. A bounce that is only kept does not update the channel."""
    changes = {row.pk: names for row in rows if (names := _changed(before[row.pk], row))}
    changed = [row for row in rows if row.pk in changes]
    for row in changed:
        if changes[row.pk] != {"bounce_history"}:
            row.updated_at = timezone.now()
    if changed:
        names = {"updated_at"}.union(*changes.values())
        CommunicationChannel.objects.bulk_update(changed, sorted(names), bounces.ROWS_AT_ONCE)
