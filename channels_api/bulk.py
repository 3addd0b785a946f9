"""Bulk actions on an account's channels, and the reset of one (docs/contract.md, section 5).

Each locks the users' rows in the order of their ids, and then the channels': so they wait for nobody who
waits for them.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from canvas_channels.identity.callers import Caller, lacks_more_rights
from canvas_channels.identity.models import Account, User
from channels_api import announcements, audit, bounces, outbox
from channels_api.audit import Action
from channels_api.models import LIVE, CommunicationChannel, Progress

State = CommunicationChannel.WorkflowState
Channels = QuerySet[CommunicationChannel]


def schedule_reset(caller: Caller, account: Account, channels: Channels) -> int:
    """Have the worker set the bounce counts of the channels to 0; returns how many there are.

    Runs in the caller's transaction. The channels are those of now: what bounces later stays.
    """
    ids = list(channels.values_list("pk", flat=True))
    if ids:
        progress = Progress.objects.create(
            account=account,
            user=caller.user,
            actor=caller.actor,
            developer_key=caller.developer_key,
            tag=Progress.Tag.RESET,
            details={"channel_ids": ids},
        )
        outbox.run_progress(progress.pk)
    return len(ids)


def reset_scheduled(progress: Progress) -> tuple[int, str]:
    """Do what :func:`schedule_reset` asked for; returns the per cent done, and a sentence for a person."""
    found = CommunicationChannel.objects.filter(pk__in=progress.details["channel_ids"])
    caller = progress.caller()
    if caller is not None:
        found = found.filter(lacks_more_rights(caller.user, "user__"))  # as it is now
    count = reset_bounce_counts(caller, found, progress.created_at)
    return 100, f"{count} bounce counts reset"


@transaction.atomic
def reset_bounce_counts(caller: Caller | None, channels: Channels, asked_at: datetime | None = None) -> int:
    """Set the bounce counts of live channels to 0; returns how many had one.

    Messages to their addresses are sent again. Bounces from before ``asked_at`` do not count (None: all that
    are known), even if they are reported later; those after it do.
    """
    now = timezone.now()
    at = asked_at or now
    found = _locked(channels.filter(LIVE), "bounce_count", "last_bounce_at")
    later = [pk for pk, _, _, last in found if last is not None and last >= at]
    left = _forget(later, at, everything=asked_at is None)
    rest = CommunicationChannel.objects.filter(pk__in=[pk for pk, *_ in found if pk not in left])
    rest.update(**bounces.forgotten(at), updated_at=now)
    reset = [(pk, user_id) for pk, user_id, count, _ in found if count > left.get(pk, 0)]
    audit.record_all(caller, Action.RESET_BOUNCE_COUNT, reset)
    return len(reset)


@transaction.atomic
def confirm(caller: Caller, channels: Channels) -> int:
    """Make unconfirmed channels active without a message; returns how many."""
    ids = list(channels.values_list("pk", flat=True))
    unconfirmed = _locked(CommunicationChannel.objects.filter(pk__in=ids, workflow_state=State.UNCONFIRMED))
    confirmed = CommunicationChannel.objects.filter(pk__in=[pk for pk, _ in unconfirmed])
    announcements.announce_all(confirmed.select_related("user__home_account").order_by("pk"))
    now = timezone.now()
    confirmed.update(workflow_state=State.ACTIVE, active_since=now, updated_at=now)
    audit.record_all(caller, Action.CONFIRM, unconfirmed)
    return len(unconfirmed)


def _forget(channel_ids: list[int], at: datetime, *, everything: bool) -> dict[int, int]:
    """Of channels that are locked and bounced since: their ids, each with what still counts."""
    if not channel_ids:
        return {}
    rows = list(CommunicationChannel.objects.filter(pk__in=channel_ids).only(*bounces.FIELDS))
    for row in rows:
        (bounces.forget_all if everything else bounces.forget)(row, at)
        row.updated_at = timezone.now()
    changed = ("bounce_count", "bounce_count_reset_at", "updated_at")
    CommunicationChannel.objects.bulk_update(rows, changed, bounces.ROWS_AT_ONCE)
    return {row.pk: row.bounce_count for row in rows}


def _locked(channels: Channels, *fields: str) -> list[tuple[Any, ...]]:
    """The ids of the channels and of their users, both locked, and ``fields``, as they are from then on."""
    owners: Iterable[int] = channels.order_by().values_list("user_id", flat=True)
    list(User.objects.select_for_update(no_key=True).filter(pk__in=owners).order_by("pk").values_list("pk"))
    own = channels.order_by("pk").select_for_update(of=("self",), no_key=True)
    return list(own.values_list("pk", "user_id", *fields))
