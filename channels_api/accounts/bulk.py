"""Bulk actions on an account's channels (docs/contract.md, section 5)."""

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from canvas_channels.core.identity.callers import Caller, lacks_more_rights
from canvas_channels.core.identity.models import Account
from channels_api import audit
from channels_api.audit import Action
from channels_api.channels.bounce_resets import locked_with_owners, reset_bounce_counts
from channels_api.messages import security_notices
from channels_api.models import CommunicationChannel, Progress

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
        Progress.job.ask([progress.pk])
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
def confirm(caller: Caller, channels: Channels) -> int:
    """Make unconfirmed channels active without a message; returns how many."""
    ids = list(channels.values_list("pk", flat=True))
    unconfirmed = locked_with_owners(
        CommunicationChannel.objects.filter(pk__in=ids, workflow_state=State.UNCONFIRMED)
    )
    confirmed = CommunicationChannel.objects.filter(pk__in=[pk for pk, _ in unconfirmed])
    told_of = list(confirmed.select_related("user__home_account").order_by("pk"))
    now = timezone.now()
    confirmed.update(workflow_state=State.ACTIVE, active_since=now, updated_at=now)
    audit.record_all(caller, Action.CONFIRM, unconfirmed)
    security_notices.notify_new_addresses(told_of)  # last, as many addresses are held until the end
    return len(unconfirmed)
