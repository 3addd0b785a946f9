"""A channel's bounces: which of them count, and forgetting them.

The same events leave a channel the same, in whatever order and in whatever batches they come: as if each had
come when it happened. So the times of all bounces are kept, in ``bounce_history``; ``bounce_count`` and the
time and summary of the last one of each kind follow from them. A bounce is in effect only if the last one of
its kind that is in effect was an hour earlier; those count that are no older than the last delivery or reset.

The limit: the newest ``MAX_KEPT`` of each kind are kept. What is older is settled: forgotten as a whole, and
not changed by a bounce from before it. So is what a version without histories counted.

Whatever sets these columns calls a function of this module, on a row that nobody else changes meanwhile.
Nothing here writes to the database.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db.models import DateTimeField, Value
from django.db.models.functions import Greatest

from channels_api.models import CommunicationChannel

ONE_COUNT_PER = timedelta(hours=1)
MAX_KEPT = 100
ROWS_AT_ONCE = 500  # in an update of each to its own values, which costs their number squared
FIELDS = (
    "bounce_count",
    "last_bounce_at",
    "last_bounce_summary",
    "last_suppression_bounce_at",
    "last_transient_bounce_at",
    "last_transient_bounce_summary",
    "last_delivery_at",
    "bounce_count_reset_at",
    "bounce_history",
)


class Kind(StrEnum):
    """Those that have an hour and a last time of their own; only permanent ones are counted."""

    PERMANENT = "permanent"
    TRANSIENT = "transient"
    SUPPRESSION = "suppression"


_TIME = {
    Kind.PERMANENT: "last_bounce_at",
    Kind.TRANSIENT: "last_transient_bounce_at",
    Kind.SUPPRESSION: "last_suppression_bounce_at",
}
_SUMMARY = {Kind.PERMANENT: "last_bounce_summary", Kind.TRANSIENT: "last_transient_bounce_summary"}


@dataclass(frozen=True, slots=True)
class _Bounce:
    """``at`` None: before all others. ``settled``: the number that it stands for; None: itself."""

    at: datetime | None
    summary: str | None = None
    settled: int | None = None

    @property
    def count(self) -> int:
        return 1 if self.settled is None else self.settled


def bounced(channel: CommunicationChannel, kind: Kind, at: datetime, summary: str | None = None) -> None:
    """The channel's address bounced."""
    kept = _kept(channel, kind)
    bounces = _with(kept, _Bounce(at, summary))
    if bounces == kept:
        return
    bounces = _settled(channel, _shortened(bounces))
    channel.bounce_history = {**channel.bounce_history, kind.value: [_written(each) for each in bounces]}
    last = _in_effect(bounces)[-1]
    setattr(channel, _TIME[kind], last.at)
    if kind in _SUMMARY:
        setattr(channel, _SUMMARY[kind], last.summary)
    if kind is Kind.PERMANENT:
        channel.bounce_count = _count(channel, bounces)


def delivered(channel: CommunicationChannel, at: datetime) -> None:
    """A message reached the channel's address: older bounces do not count."""
    if channel.last_delivery_at is None or channel.last_delivery_at < at:
        bounces = _kept(channel, Kind.PERMANENT)
        channel.last_delivery_at = at
        channel.bounce_count = _count(channel, bounces)


def forget(channel: CommunicationChannel, at: datetime) -> None:
    """Somebody says that the address works: bounces from before ``at`` do not count."""
    bounces = _kept(channel, Kind.PERMANENT)
    channel.bounce_count_reset_at = max(channel.bounce_count_reset_at or at, at)
    channel.bounce_count = _count(channel, bounces)


def forget_all(channel: CommunicationChannel, at: datetime) -> None:
    """The same, of every bounce that is known, though a clock be ahead of ours."""
    last = channel.last_bounce_at
    forget(channel, max(at, last + timedelta.resolution) if last else at)


def forgotten(at: datetime) -> dict[str, Any]:
    """The same as :func:`forget`, for an update of channels whose last bounce was before ``at``."""
    reset_at = Greatest("bounce_count_reset_at", Value(at, DateTimeField()))
    return {"bounce_count": 0, "bounce_count_reset_at": reset_at}


def clear(channel: CommunicationChannel) -> None:
    """The channel has another address, of which nothing is known."""
    new = CommunicationChannel()
    for name in FIELDS:
        setattr(channel, name, getattr(new, name))


def take_over(channel: CommunicationChannel, columns: Mapping[str, Any]) -> None:
    """Set what another service counted, by the columns' names; it is settled."""
    clear(channel)
    for name, value in columns.items():
        setattr(channel, name, value)


def _kept(channel: CommunicationChannel, kind: Kind) -> list[_Bounce]:
    """Oldest first. Where the columns say otherwise, as another version wrote them, they are right."""
    bounces = [_read(each) for each in channel.bounce_history.get(kind.value, ())]
    last = getattr(channel, _TIME[kind])
    count = channel.bounce_count if kind is Kind.PERMANENT else 0
    found = _in_effect(bounces)[-1].at if bounces else None
    counted = _count(channel, bounces) if kind is Kind.PERMANENT else 0
    if (found, counted) == (last, count):
        return bounces
    if last is None and not count:
        return []
    summary = getattr(channel, _SUMMARY[kind]) if kind in _SUMMARY else None
    return [_Bounce(last, summary, settled=count)]


def _in_effect(bounces: list[_Bounce]) -> list[_Bounce]:
    """Those that are an hour after the one before them."""
    found: list[_Bounce] = []
    for each in bounces:
        last = found[-1].at if found else None
        if last is None or each.at is None or each.at - last >= ONE_COUNT_PER:
            found.append(each)
    return found


def _count(channel: CommunicationChannel, bounces: list[_Bounce]) -> int:
    since = [at for at in (channel.last_delivery_at, channel.bounce_count_reset_at) if at is not None]
    return sum(
        each.count
        for each in _in_effect(bounces)
        if not since or (each.at is not None and each.at >= max(since))
    )


def _with(bounces: list[_Bounce], new: _Bounce) -> list[_Bounce]:
    """The same, with one more. Of two at the same time one is kept, whichever came first."""
    settled = [each for each in bounces if each.settled is not None]
    if any(each.at is not None and _at(new) <= each.at for each in settled):
        return bounces
    own = {each.at: each for each in bounces if each.settled is None}
    own[new.at] = max(own.get(new.at, new), new, key=lambda each: each.summary or "")
    return [*settled, *sorted(own.values(), key=_at)]


def _shortened(bounces: list[_Bounce]) -> list[_Bounce]:
    """Without the summaries that cannot be the last one's, whatever may still come."""
    newest = _at(bounces[-1])
    return [
        each if each.at is not None and newest - each.at < ONE_COUNT_PER else replace(each, summary=None)
        for each in bounces
    ]


def _settled(channel: CommunicationChannel, bounces: list[_Bounce]) -> list[_Bounce]:
    """At most ``MAX_KEPT``: where there are more, one stands for the oldest."""
    excess = len(bounces) - MAX_KEPT
    if excess <= 0:
        return bounces
    oldest = bounces[: excess + 1]
    last = replace(_in_effect(oldest)[-1], settled=_count(channel, oldest))
    return [last, *bounces[excess + 1 :]]


def _at(bounce: _Bounce) -> datetime:
    return bounce.at or datetime.min.replace(tzinfo=UTC)


def _written(bounce: _Bounce) -> dict[str, Any]:
    at = bounce.at and bounce.at.astimezone(UTC).isoformat()
    found = {"at": at, "summary": bounce.summary, "settled": bounce.settled}
    return {name: value for name, value in found.items() if value is not None}


def _read(kept: dict[str, Any]) -> _Bounce:
    at = kept.get("at")
    return _Bounce(at and datetime.fromisoformat(at), kept.get("summary"), kept.get("settled"))
