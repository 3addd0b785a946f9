"""How a user stands, as far as a new channel depends on it: what they have, and what they were sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from django.db.models import Count, Max, Q, QuerySet, Subquery
from django.db.models.functions import JSONObject
from django.utils import timezone

from canvas_channels.core.identity.models import Account, User
from canvas_channels.core.statements import Statement
from channels_api.addresses import compared
from channels_api.errors import InvalidValue, Reason, RefusedValue, duplicate
from channels_api.messages import limits
from channels_api.models import LIVE, CommunicationChannel

MAX_CHANNELS = 100
SAMPLE_TIME = datetime(2000, 1, 1, tzinfo=UTC)

NO_CHANNELS = {
    "live": 0,
    "recently_retired": 0,
    "highest_position": 0,
    "same_live": None,
    "same_retired": None,
}


@dataclass(frozen=True, slots=True)
class Standing:
    """What a user's channels and messages are, as far as a new channel depends on it: one statement."""

    live: int
    recently_retired: int
    highest_position: int
    same_live: int | None
    same_retired: int | None
    messages: Mapping[str, Any]  # what limits.may_send judges


def standing(user: User, type_: str, address: str, *, asks: bool = False) -> Standing:
    """How the user stands, as far as a channel with that address depends on it.

    ``asks``: a confirmation may be asked for, so that nobody else may count at the same time.
    """
    if asks:
        limits.hold(type_, [compared(address)], user.home_account_id)
    read = _standing_statement(type_, limits.Limits.of(type_))
    [found] = read.fetch(user_id=user.pk, address_folded=compared(address), **limits.since(timezone.now()))
    return Standing(**(found["channels"] or NO_CHANNELS), messages=found)


@cache
def _standing_statement(type_: str, allowed: limits.Limits) -> Statement[dict[str, Any]]:
    def standing(user_id: int, address_folded: str, **since: datetime) -> QuerySet[User, Any]:
        same = Q(type=type_, address_folded=address_folded)
        own = CommunicationChannel.objects.filter(user=user_id).order_by().values("user")
        facts = own.annotate(
            facts=JSONObject(
                live=Count("id", filter=LIVE),
                # retired channels count for an hour against an account's own limit
                recently_retired=Count("id", filter=Q(retired_at__gt=since["an_hour_ago"]) & ~LIVE),
                highest_position=Max("position"),
                same_live=Max("id", filter=same & LIVE),
                same_retired=Max("id", filter=same & ~LIVE),
            )
        )
        messages = limits.standing_of(
            allowed, user_id=user_id, type_=type_, address_folded=address_folded, **since
        )
        return User.objects.filter(pk=user_id).values(channels=Subquery(facts.values("facts")), **messages)

    return Statement(standing, user_id=-1, address_folded="an address", **limits.since(SAMPLE_TIME))


def check_duplicates(standing: Standing, channel: CommunicationChannel | None = None) -> None:
    """Raises where another live channel of the user than ``channel`` has the address."""
    if standing.same_live not in {None, channel.pk if channel else None}:
        raise duplicate()


def check_limits(standing: Standing, account: Account) -> None:
    """Raises where the user may have no further channel."""
    allowed = account.max_communication_channels
    if allowed is not None and standing.live + standing.recently_retired >= allowed:
        raise RefusedValue("type", "Maximum number of communication channels reached")
    if standing.live >= MAX_CHANNELS:
        raise InvalidValue(
            "user_id", Reason.TOO_MANY, f"A user can have at most {MAX_CHANNELS} communication channels."
        )
