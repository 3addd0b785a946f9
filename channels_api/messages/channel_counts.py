"""What a new channel depends on: how many channels the user has, and which limits on messages are reached."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson
from django.db.models import Count, Max, Q, QuerySet, Subquery
from django.db.models.functions import JSONObject, Now

from canvas_channels.core.identity.models import Account, User
from canvas_channels.core.postgresql.trips import Query, trips
from canvas_channels.core.statements import NextKey, Statement
from channels_api.addresses import MAX_EMAIL_LENGTH, compared
from channels_api.errors import InvalidValue, Reason, RefusedValue, duplicate
from channels_api.messages.limits import Limits, LimitsReached, hold, holding, limits_reached, since
from channels_api.models import LIVE, CommunicationChannel

MAX_CHANNELS = 100
E164 = re.compile(r"\+[0-9]+")


@dataclass(frozen=True, slots=True)
class ChannelCounts:
    """A user's channels as seen by one that is to have a given type and address.

    ``channel_id`` is the key of the next one, ``same_live`` and ``same_retired`` are the ids of channels that
    have both already.
    """

    limits: LimitsReached
    channel_id: int
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
    query = _counting(user.pk, type_, folded)
    if asks:
        trips().ahead(query)
        hold(type_, [folded], user.home_account_id)
    [(channel_id, channels, *reached)] = trips().ask(query)
    return ChannelCounts(LimitsReached(*reached), channel_id, **orjson.loads(channels or "{}"))


def asked(user: User, user_id: int, type_: str, address: str) -> list[Query]:
    """What :func:`channel_counts` asks for; ``user`` is who asks.

    Nothing where it depends on an account that is yet to be read (a number that has no country, or a text
    message to somebody else), and of what is no address.
    """
    if len(address) > MAX_EMAIL_LENGTH:
        return []
    if type_ == CommunicationChannel.Type.SMS and (user.pk != user_id or not E164.fullmatch(address)):
        return []
    folded = compared(address)
    counting = _counting(user_id, type_, folded)
    if type_ == CommunicationChannel.Type.PUSH:
        return [counting]
    return [holding(type_, folded, user.home_account_id), counting]


def _counting(user_id: int, type_: str, address_folded: str) -> Query:
    return _statement(type_, Limits.of(type_)).query(user_id=user_id, address_folded=address_folded)


@cache
def _statement(type_: str, allowed: Limits) -> Statement:
    def of_user(user_id: int, address_folded: str) -> QuerySet[User, Any]:
        windows = since(Now())
        same = Q(type=type_, address_folded=address_folded)
        own = CommunicationChannel.objects.filter(user=user_id).order_by().values("user")
        counts = own.annotate(
            counts=JSONObject(
                live=Count("id", filter=LIVE),
                # retired channels count for an hour against an account's own limit
                recently_retired=Count("id", filter=Q(retired_at__gt=windows["an_hour_ago"]) & ~LIVE),
                highest_position=Max("position"),
                same_live=Max("id", filter=same & LIVE),
                same_retired=Max("id", filter=same & ~LIVE),
            )
        )
        reached = limits_reached(
            allowed, user_id=user_id, type_=type_, address_folded=address_folded, **windows
        )
        channels = Subquery(counts.values("counts"))
        return User.objects.filter(pk=user_id).values_list(
            NextKey(CommunicationChannel), channels, *reached.values()
        )

    return Statement(of_user, user_id=-1, address_folded="an address")
