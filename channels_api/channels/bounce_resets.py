"""Setting bounce counts to 0: of one channel, of those chosen in Django's admin, or of an account's."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from canvas_channels.core.identity.callers import Caller, hold_users
from channels_api import audit
from channels_api.audit import Action
from channels_api.channels import bounces
from channels_api.models import LIVE, CommunicationChannel


@transaction.atomic
def reset_bounce_counts(
    caller: Caller | None, channels: QuerySet[CommunicationChannel], asked_at: datetime | None = None
) -> int:
    """Set the bounce counts of live channels to 0; returns how many had one.

    Messages to their addresses are sent again. Bounces from before ``asked_at`` do not count (None: all that
    are known), even if they are reported later; those after it do.
    """
    now = timezone.now()
    at = asked_at or now
    found = locked_with_owners(channels.filter(LIVE), "bounce_count", "last_bounce_at")
    later = [pk for pk, _, _, last in found if last is not None and last >= at]
    left = _forget(later, at, everything=asked_at is None)
    rest = CommunicationChannel.objects.filter(pk__in=[pk for pk, *_ in found if pk not in left])
    rest.update(**bounces.forgotten(at), updated_at=now)
    reset = [(pk, user_id) for pk, user_id, count, _ in found if count > left.get(pk, 0)]
    audit.record_all(caller, Action.RESET_BOUNCE_COUNT, reset)
    return len(reset)


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


def locked_with_owners(channels: QuerySet[CommunicationChannel], *fields: str) -> list[tuple[Any, ...]]:
    """The ids of the channels and of their users, both locked, and ``fields``, as they are from then on.

    In the order of their ids, the users' rows first: so nobody waits in a circle.
    """
    hold_users(channels.order_by().values_list("user_id", flat=True))
    own = channels.order_by("pk").select_for_update(of=("self",), no_key=True)
    return list(own.values_list("pk", "user_id", *fields))
