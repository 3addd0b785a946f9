"""What a new channel depends on: how many channels the user has, and which limits on messages are reached."""

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
from channels_api.messages.limits import Limits, LimitsReached, hold, limits_reached, since
from channels_api.models import LIVE, CommunicationChannel

MAX_CHANNELS = 100
SAMPLE_TIME = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ChannelCounts:
    """A user's channels as seen by one that is to have a given type and address.

    ``same_live`` and ``same_retired`` are the ids of channels that have both already.
    """

    limits: LimitsReached
    live: int = 0
    recently_retired: int = 0
    highest_position: int = 0
    same_live: int | None = None
    same_retired: int | None = None

    def check_duplicates(self, channel: CommunicationChannel | None = None) -> None:
        """Raises :class:`InvalidValue` where another live channel than ``channel`` has the address."""
        if self.same_live not in {None, channel.pk if channel else None}:
            raise duplicate()

    def check_room(self, account: Account | None = None) -> None:
        """Raises where the user may have no further channel; ``account`` None: leave its limit out."""
        allowed = account.max_communication_channels if account else None
        if allowed is not None and self.live + self.recently_retired >= allowed:
            raise RefusedValue("type", "Maximum number of communication channels reached")
        if self.live >= MAX_CHANNELS:
            raise InvalidValue(
                "user_id",
                Reason.TOO_MANY,
                f"A user can have at most {MAX_CHANNELS} communication channels.",
            )


def channel_counts(user: User, type_: str, address: str, *, asks: bool = False) -> ChannelCounts:
    """Count in one statement.

    ``asks``: a confirmation may be requested, so that nobody else counts the address's at the same time.
    """
    folded = compared(address)
    if asks:
        hold(type_, [folded], user.home_account_id)
    read = _statement(type_, Limits.of(type_))
    [found] = read.fetch(user_id=user.pk, address_folded=folded, **since(timezone.now()))
    channels = found.pop("channels") or {}
    return ChannelCounts(LimitsReached(**found), **channels)


@cache
def _statement(type_: str, allowed: Limits) -> Statement[dict[str, Any]]:
    def of_user(user_id: int, address_folded: str, **since: datetime) -> QuerySet[User, Any]:
        same = Q(type=type_, address_folded=address_folded)
        own = CommunicationChannel.objects.filter(user=user_id).order_by().values("user")
        counts = own.annotate(
            counts=JSONObject(
                live=Count("id", filter=LIVE),
                # retired channels count for an hour against an account's own limit
                recently_retired=Count("id", filter=Q(retired_at__gt=since["an_hour_ago"]) & ~LIVE),
                highest_position=Max("position"),
                same_live=Max("id", filter=same & LIVE),
                same_retired=Max("id", filter=same & ~LIVE),
            )
        )
        reached = limits_reached(
            allowed, user_id=user_id, type_=type_, address_folded=address_folded, **since
        )
        return User.objects.filter(pk=user_id).values(channels=Subquery(counts.values("counts")), **reached)

    return Statement(of_user, user_id=-1, address_folded="an address", **since(SAMPLE_TIME))
