"""Limits on messages (docs/contract.md, section 6): against bombing, and against paid SMS abuse."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import DateTimeField, Exists, F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Now
from django.utils import timezone

from channels_api.addresses import compared, country_of
from channels_api.errors import CountryNotAllowed, MessageLimitReached
from channels_api.models import BOUNCING, CommunicationChannel, Confirmation, SecurityNotice

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
BOUNCED_FOR = timedelta(days=7)  # an address that bounced gets nothing for so long, or until a reset
REFUSED_FOR = timedelta(days=30)  # an address that said so gets no confirmation of that user for so long
EVERY_COUNTRY = "*"

Type = CommunicationChannel.Type


def check_country(number: str) -> None:
    """Raises :class:`CountryNotAllowed` unless ``SMS_ALLOWED_COUNTRIES`` has the number's country."""
    allowed = settings.SMS_ALLOWED_COUNTRIES
    country = country_of(number)
    if EVERY_COUNTRY not in allowed and country not in allowed:
        raise CountryNotAllowed(country)


@dataclass(frozen=True, slots=True)
class Limits:
    """How many confirmations may be asked for, as the settings have it for a type of channel."""

    per_channel: int
    per_user: int
    per_address: int
    per_account: int | None  # text messages only

    @classmethod
    def of(cls, type_: str) -> "Limits":
        is_sms = type_ == Type.SMS
        per_number, per_email = (
            settings.CONFIRMATIONS_PER_NUMBER_PER_HOUR,
            settings.CONFIRMATIONS_PER_EMAIL_PER_HOUR,
        )
        return cls(
            per_channel=settings.CONFIRMATIONS_PER_CHANNEL_PER_DAY,
            per_user=settings.CONFIRMATIONS_PER_USER_PER_HOUR,
            per_address=per_number if is_sms else per_email,
            per_account=settings.SMS_DAILY_BUDGET if is_sms else None,
        )


@dataclass(frozen=True, slots=True)
class LimitsReached:
    """Which limits one more confirmation of a user to an address would exceed.

    Each ``*_reached_at`` is null while the limit is not reached.
    """

    account_id: int
    channel_reached_at: datetime | None
    user_reached_at: datetime | None
    address_reached_at: datetime | None
    account_reached_at: datetime | None
    bounced: bool
    refused: bool

    def may_send(self) -> bool:
        """Whether one more confirmation may be sent.

        False where the channel had its share of the day, the address bounced of late on anyone's channel, or
        its reader said that they are not this user.
        Raises :class:`MessageLimitReached` where the user, the address or the account had their share.
        """
        if self.bounced or self.refused or self.channel_reached_at:
            return False
        reached = (
            (self.user_reached_at, HOUR),
            (self.address_reached_at, HOUR),
            (self.account_reached_at, DAY),
        )
        waits = [at + window - timezone.now() for at, window in reached if at]
        if waits:
            raise MessageLimitReached(max(1, math.ceil(max(waits).total_seconds())))
        return True


def hold(type_: str, addresses: Iterable[str], account_id: int) -> None:
    """Serialize the counting of messages to these addresses, and of an account's text messages.

    Two users who ask for messages to one address hold a row each, so both would find room for the last one.
    ``addresses`` are compared forms. Called after the user's row is locked and before anything is counted;
    addresses come in one order, and before the account, so that no two wait for each other.
    """
    names = [f"{type_}:{address}" for address in sorted(set(addresses))]
    if names and type_ == Type.SMS:
        names.append(_texts_of(account_id))
    advisory_locks(names)


def hold_texts(account_ids: Iterable[int]) -> None:
    """Keep others from counting what these accounts' texts were, till the transaction ends."""
    advisory_locks([_texts_of(account_id) for account_id in sorted(set(account_ids))])


def advisory_locks(names: Sequence[str]) -> None:
    """Take transaction-level advisory locks in the given order, in one statement."""
    if names:
        locks = ", ".join(["pg_advisory_xact_lock(hashtextextended(%s, 0))"] * len(names))
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {locks}", names)


def since(now: datetime) -> dict[str, datetime]:
    """When the windows of :func:`limits_reached` began."""
    return {
        "an_hour_ago": now - HOUR,
        "a_day_ago": now - DAY,
        "a_week_ago": now - BOUNCED_FOR,
        "a_month_ago": now - REFUSED_FOR,
    }


def limits_reached(
    limits: Limits,
    *,
    user_id: int,
    type_: str,
    address_folded: str,
    an_hour_ago: datetime,
    a_day_ago: datetime,
    a_week_ago: datetime,
    a_month_ago: datetime,
) -> dict[str, Combinable]:
    """The fields of :class:`LimitsReached`, as annotations of the user's row."""
    sent = Confirmation.objects.all()
    of_address = sent.filter(address_folded=address_folded, channel__type=type_)
    of_user = of_address.filter(user=user_id)
    return {
        "account_id": F("home_account"),
        "channel_reached_at": _reached_at(limits.per_channel, a_day_ago, of_user),
        "user_reached_at": _reached_at(limits.per_user, an_hour_ago, sent.filter(user=user_id)),
        "address_reached_at": _address_reached_at(limits.per_address, type_, address_folded, an_hour_ago),
        "account_reached_at": _budget_spent_at(limits.per_account, a_day_ago),
        "bounced": Exists(bounced(type_, address_folded, a_week_ago)),
        "refused": Exists(of_user.filter(refused_at__gt=a_month_ago)),
    }


def channel_limit_reached(channel: CommunicationChannel) -> bool:
    """Whether the channel had all the confirmations that it may have in 24 hours."""
    since = timezone.now() - DAY
    sent = _of_channel(channel).filter(created_at__gt=since).count()
    return sent >= settings.CONFIRMATIONS_PER_CHANNEL_PER_DAY


def asked_today(channels: Iterable[CommunicationChannel]) -> dict[int, list[Confirmation]]:
    """By channel, what was asked for its present address in the last 24 hours, newest first."""
    by_id = {channel.pk: compared(channel.address_to_confirm) for channel in channels}
    recent = Confirmation.objects.filter(channel__in=by_id, created_at__gt=timezone.now() - DAY)
    found: dict[int, list[Confirmation]] = {}
    for row in recent.order_by("-created_at", "-id") if by_id else ():
        if row.address_folded == by_id[row.channel_id]:
            found.setdefault(row.channel_id, []).append(row)
    return found


def _texts_of(account_id: int) -> str:
    return f"texts:{account_id}"


def _of_channel(channel: CommunicationChannel) -> QuerySet[Confirmation]:
    """What was asked for the address that the channel waits for: a resend goes there."""
    address = compared(channel.address_to_confirm)
    return Confirmation.objects.filter(channel=channel.pk, address_folded=address)


def bounced_since(moment: datetime) -> Q:
    """Channels whose address bounced permanently after ``moment`` and still counts as bouncing."""
    return BOUNCING & Q(last_bounce_at__gt=moment)


def bounced(type_: Any, address_folded: Any, a_week_ago: datetime) -> QuerySet[CommunicationChannel]:
    """Any user's channels of the address whose last permanent bounce is newer than that.

    Transient and suppression bounces do not count. Type and address may be expressions of an outer query.
    """
    return CommunicationChannel.objects.filter(
        bounced_since(a_week_ago), address_folded=address_folded, type=type_
    )


def _address_reached_at(limit: int, type_: str, address_folded: str, since: datetime) -> Combinable:
    """A number's security notices count too: each text message costs, and rings somewhere."""
    asked = Confirmation.objects.filter(channel__type=type_, address_folded=address_folded)
    told = SecurityNotice.objects.filter(type=type_, address_folded=address_folded)
    return _reached_at(limit, since, asked, *([told] if type_ == Type.SMS else []))


def _budget_spent_at(limit: int | None, since: datetime) -> Combinable:
    """The same for the text messages of the user's account: confirmations, and security notices."""
    account = OuterRef("home_account")
    asked = Confirmation.objects.filter(account=account)
    told = SecurityNotice.objects.filter(type=Type.SMS, account=account)
    return _reached_at(limit, since, asked, told)


def _reached_at(limit: int | None, since: datetime, *sent: QuerySet[Any]) -> Combinable:
    """When the ``limit``-th newest since then was asked for, which is when it counts as reached.

    Null where fewer were; it is lifted a window later. So an index scan reads no more than ``limit`` rows.
    """
    if limit is None:
        return Value(None, output_field=DateTimeField())
    if limit < 1:
        return Now()
    first, *others = (rows.filter(created_at__gt=since).order_by().values("created_at") for rows in sent)
    times = first.union(*others, all=True) if others else first
    return Subquery(times.order_by("-created_at")[limit - 1 : limit])
