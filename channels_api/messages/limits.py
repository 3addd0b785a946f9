"""Limits on messages (docs/contract.md, section 6): against bombing, and against paid SMS abuse."""

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zlib import crc32

from django.conf import settings
from django.db.models import Count, DateTimeField, Exists, F, OuterRef, QuerySet, Subquery, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Now
from django.utils import timezone

from canvas_channels.core.postgresql.trips import Query, trips
from canvas_channels.core.statements import NextKey
from channels_api import statements
from channels_api.addresses import compared, country_of
from channels_api.errors import CountryNotAllowed, MessageLimitReached
from channels_api.models import CommunicationChannel, Confirmation, SecurityNotice
from channels_api.models.channels import BOUNCED_FOR, bounced, bounced_since

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
REFUSED_FOR = timedelta(days=30)  # an address that said so gets no confirmation of that user for so long
EVERY_COUNTRY = "*"
PARTS = 1_024  # of all addresses, each with a lock: one for each address is more than PostgreSQL has room for

Type = CommunicationChannel.Type


def is_foreign(number: str) -> bool:
    """Whether ``SMS_ALLOWED_COUNTRIES`` lacks the number's country."""
    allowed = settings.SMS_ALLOWED_COUNTRIES
    return EVERY_COUNTRY not in allowed and country_of(number) not in allowed


def check_country(number: str) -> None:
    """Raises :class:`CountryNotAllowed` where the number :func:`is_foreign`."""
    if is_foreign(number):
        raise CountryNotAllowed(country_of(number))


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
    confirmation_id: int  # the key of the next one
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
        refuse_while(reached)
        return True


def refuse_while(reached: Iterable[tuple[datetime | None, timedelta]]) -> None:
    """Raises :class:`MessageLimitReached` till the last limit is lifted: its window after it was reached."""
    waits = [at + window - timezone.now() for at, window in reached if at]
    if waits:
        raise MessageLimitReached(max(1, math.ceil(max(waits).total_seconds())))


def hold(type_: str, addresses: Iterable[str], *account_ids: int) -> None:
    """Serialize the counting of messages to these addresses, and of the accounts' text messages.

    Two users who ask for messages to one address hold a row each, so both would find room for the last one.
    ``addresses`` are compared forms. Called after the users' rows are locked and before anything is counted;
    addresses come in one order, emails first, and before the accounts, so that no two wait for each other.
    """
    advisory_locks(_held(type_, addresses, account_ids))


def holding(type_: str, address: str, account_id: int) -> Query:
    """What :func:`hold` asks for, of one address."""
    return statements.advisory_locks(_held(type_, [address], [account_id]))


def _held(type_: str, addresses: Iterable[str], account_ids: Iterable[int]) -> list[str]:
    parts = {crc32(address.encode()) % PARTS for address in addresses}
    names = [f"{type_}:{part}" for part in sorted(parts)]
    if names and type_ == Type.SMS:
        names += [_texts_of(account_id) for account_id in sorted(set(account_ids))]
    return names


def hold_texts(account_ids: Iterable[int]) -> None:
    """Keep others from counting what these accounts' texts were, till the transaction ends."""
    advisory_locks([_texts_of(account_id) for account_id in sorted(set(account_ids))])


@dataclass(frozen=True, slots=True)
class Texts:
    """Rows that are text messages, with a ``created_at``; ``account`` names the one whose budget pays."""

    rows: Callable[[], QuerySet[Any]]
    account: str


# Whatever sends texts enters its own: an account's budget is one for all of them.
TEXTS = [
    Texts(Confirmation.objects.all, "account"),
    Texts(lambda: SecurityNotice.objects.filter(type=Type.SMS), "account"),
]


def texts_left(account_ids: Collection[int]) -> dict[int, int]:
    """By account, how many texts it may still pay for in these 24 hours; one statement for each of ``TEXTS``.

    The account is the recipients' home, whichever one sends.
    """
    since = timezone.now() - DAY
    sent = Counter[int]()
    for texts in TEXTS:
        recent = texts.rows().filter(created_at__gt=since, **{f"{texts.account}__in": account_ids}).order_by()
        sent.update(dict(recent.values_list(texts.account).annotate(Count("pk"))))
    return {account_id: max(0, settings.SMS_DAILY_BUDGET - sent[account_id]) for account_id in account_ids}


def advisory_locks(names: Sequence[str]) -> None:
    """Take transaction-level advisory locks in the given order, in one statement."""
    if names:
        trips().ask(statements.advisory_locks(names))


def since(now: Any) -> dict[str, Any]:
    """When the windows of :func:`limits_reached` began; ``now`` is a time, or PostgreSQL's ``Now()``."""
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
    an_hour_ago: Any,
    a_day_ago: Any,
    a_week_ago: Any,
    a_month_ago: Any,
) -> dict[str, Combinable]:
    """The fields of :class:`LimitsReached` in their order, as annotations of the user's row."""
    sent = Confirmation.objects.all()
    of_address = sent.filter(address_folded=address_folded, channel__type=type_)
    of_user = of_address.filter(user=user_id)
    return {
        "account_id": F("home_account"),
        "confirmation_id": NextKey(Confirmation),
        "channel_reached_at": reached_at(limits.per_channel, a_day_ago, of_user),
        "user_reached_at": reached_at(limits.per_user, an_hour_ago, sent.filter(user=user_id)),
        "address_reached_at": address_reached_at(limits.per_address, type_, address_folded, an_hour_ago),
        "account_reached_at": _budget_spent_at(limits.per_account, a_day_ago),
        "bounced": Exists(bounced(type_, address_folded, a_week_ago)),
        "refused": Exists(of_user.filter(refused_at__gt=a_month_ago)),
    }


def channel_limit_reached(channel: CommunicationChannel) -> bool:
    """Whether the channel had all the confirmations that it may have in 24 hours."""
    since = timezone.now() - DAY
    return had_enough(_of_channel(channel).filter(created_at__gt=since).count())


def had_enough(asked: int) -> bool:
    """Whether a channel gets no more, for which so many confirmations were asked in 24 hours."""
    return asked >= settings.CONFIRMATIONS_PER_CHANNEL_PER_DAY


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


def bounced_of(addresses: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of the addresses, each with its type and as it is compared, that bounced of late."""
    folded = {address_folded for _, address_folded in addresses}
    found = CommunicationChannel.objects.filter(
        bounced_since(timezone.now() - BOUNCED_FOR), address_folded__in=folded
    )
    return set(found.order_by().values_list("type", "address_folded"))


def address_reached_at(
    limit: int, type_: str, address_folded: str, since: Any, *others: QuerySet[Any]
) -> Combinable:
    """:func:`reached_at` for what was sent to an address; ``others`` were, too.

    A number's security notices count: each text message costs, and rings somewhere.
    """
    asked = Confirmation.objects.filter(channel__type=type_, address_folded=address_folded)
    told = SecurityNotice.objects.filter(type=type_, address_folded=address_folded)
    return reached_at(limit, since, asked, *([told] if type_ == Type.SMS else []), *others)


def _budget_spent_at(limit: int | None, since: Any) -> Combinable:
    """The same for the text messages of the user's account."""
    sent = (texts.rows().filter(**{texts.account: OuterRef("home_account")}) for texts in TEXTS)
    return reached_at(limit, since, *sent)


def reached_at(limit: int | None, since: Any, *sent: QuerySet[Any]) -> Combinable:
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
