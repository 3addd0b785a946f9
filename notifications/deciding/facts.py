"""Facts about recipients that only some dispatches need: about text messages and unconfirmed addresses.

The locks that :func:`for_recipients` takes last until its transaction ends, so that nobody else counts the
same messages meanwhile.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.db.models import Exists, Func, IntegerField, OuterRef, QuerySet, Subquery
from django.utils import timezone

from canvas_channels.core.identity.models import User
from channels_api.messages import limits
from channels_api.messages.limits import Limits
from channels_api.models import BOUNCING, LIVE, CommunicationChannel, Confirmation
from channels_api.models.channels import bounced
from notifications.deciding.rules import Occasion, Use, is_limited
from notifications.deciding.sql import Facts
from notifications.messages.models import Message

Type, State = CommunicationChannel.Type, CommunicationChannel.WorkflowState


def for_recipients(occasion: Occasion, user_ids: Collection[int]) -> Facts:
    """What :func:`notifications.deciding.sql.decide` asks for; a number of statements that does not grow."""
    found: dict[str, Any] = {}
    if not occasion.suppressed:
        if occasion.always:
            found = _of_unconfirmed(user_ids)
        elif occasion.to_numbers:
            found = _of_numbers(user_ids)
    return Facts(messages_per_day=settings.MESSAGES_PER_USER_PER_DAY, **found)


def _of_numbers(user_ids: Collection[int]) -> dict[str, Any]:
    numbers = CommunicationChannel.objects.filter(
        user__in=user_ids, type=Type.SMS, workflow_state=State.ACTIVE
    )
    found = list(numbers.values_list("pk", "address", "user__home_account"))
    if not found:
        return {}
    accounts = {account for _, _, account in found}
    limits.hold_texts(accounts)
    foreign = [pk for pk, number, _ in found if limits.is_foreign(number)]
    return {"texts": limits.texts_left(accounts), "foreign": foreign}


def _of_unconfirmed(user_ids: Collection[int]) -> dict[str, list[int]]:
    """Of pre-registered users, the channels that get nothing more now, and those whose address bounced."""
    emails = CommunicationChannel.objects.filter(
        LIVE,
        type=Type.EMAIL,
        user__in=user_ids,
        user__workflow_state=User.WorkflowState.PRE_REGISTERED,
    )
    # "active" comes before "unconfirmed"
    first = emails.order_by("user", "workflow_state", "position", "id").distinct("user")
    rows = list(first.values_list("pk", "workflow_state", "address_folded"))
    folded = {pk: address for pk, state, address in rows if state == State.UNCONFIRMED}
    if not folded:
        return {}
    limits.hold(Type.EMAIL, folded.values())
    allowed = Limits.of(Type.EMAIL)
    more = Counter[str]()  # what this dispatch sends to an address that several of them share
    limited, bouncing = [], []
    for pk, has_bounced, use in _used(folded):
        address = folded[pk]
        if has_bounced:
            bouncing.append(pk)
        elif is_limited(
            replace(use, of_address=use.of_address + more[address]),
            per_channel=allowed.per_channel,
            per_user=allowed.per_user,
            per_address=allowed.per_address,
        ):
            limited.append(pk)
        else:
            more[address] += 1
    return {"limited": limited, "bounced": bouncing}


def _used(channel_ids: Collection[int]) -> list[tuple[int, bool, Use]]:
    """By user: of these channels, their id, whether their address bounced, and what they had."""
    since = limits.since(timezone.now())
    same = {"address_folded": OuterRef("address_folded"), "channel__type": Type.EMAIL}
    asked = Confirmation.objects.filter(created_at__gt=since["an_hour_ago"])
    asked_today = Confirmation.objects.filter(user=OuterRef("user"), created_at__gt=since["a_day_ago"])
    told = Message.objects.filter(created_at__gt=since["an_hour_ago"], channel__type=Type.EMAIL)
    told = told.exclude(channel__workflow_state=State.ACTIVE)
    told_today = Message.objects.filter(channel=OuterRef("pk"), created_at__gt=since["a_day_ago"])
    refused = Confirmation.objects.filter(user=OuterRef("user"), refused_at__gt=since["a_month_ago"], **same)
    came_back = bounced(Type.EMAIL, OuterRef("address_folded"), since["a_week_ago"])
    told_address = told.filter(channel__address_folded=OuterRef("address_folded"))
    rows: Any = CommunicationChannel.objects.filter(pk__in=channel_ids).order_by("user", "pk")
    found = rows.values(
        "pk",
        bounced=BOUNCING | Exists(came_back),
        refused=Exists(refused),
        of_channel=_count(asked_today.filter(**same)) + _count(told_today),
        of_user=_count(asked.filter(user=OuterRef("user"))) + _count(told.filter(user=OuterRef("user"))),
        of_address=_count(asked.filter(**same)) + _count(told_address),
    )
    return [(row.pop("pk"), row.pop("bounced"), Use(**row)) for row in found]


def _count(rows: QuerySet[Any]) -> Subquery:
    count = Func("pk", function="COUNT", output_field=IntegerField())
    return Subquery(rows.order_by().annotate(count=count).values("count"))
