"""A small chart of bounces, drawn as SVG by the server: no script, and each bar says what it stands for.

What is kept of bounces is each channel's last one (what providers reported is raw, names no account, and goes
after ``WEBHOOK_EVENT_DAYS``). So it counts channels by the day of their last bounce; those that were
delivered to or reset since are not among them. All that are given are counted: those from before
its days in a bar of their own.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count

from django.db.models import Count, QuerySet
from django.db.models.functions import TruncDate
from django.utils import timezone

from channels_api.models import CommunicationChannel

DAYS = 28
MOST_STEPS = 4  # of the scale
_SLOTS = DAYS + 2  # the bar of those from before, and a gap beside it
_SLOT = 100 / _SLOTS


@dataclass(frozen=True, slots=True)
class Bar:
    """Measures are in per cent of the drawing, from its upper left corner; ``day`` None: before all days."""

    day: date | None
    count: int
    x: float
    y: float
    height: float
    width: float = _SLOT * 0.8

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the scale."""

    value: int
    y: float


@dataclass(frozen=True, slots=True)
class Chart:
    bars: list[Bar]
    scale: list[Tick]

    @property
    def total(self) -> int:
        return sum(bar.count for bar in self.bars)

    @property
    def earlier(self) -> Bar:
        return self.bars[0]

    @property
    def weeks(self) -> list[Bar]:
        """The days that are named below: today, and those a week apart before it."""
        return self.bars[-22::7]


def bounces_by_day(channels: QuerySet[CommunicationChannel]) -> Chart:
    """``channels``: those that bounce. Days are those of the time zone that is active."""
    today = timezone.localdate()
    days = [today - timedelta(days=ago) for ago in reversed(range(DAYS))]
    by_day = channels.order_by().values(day=TruncDate("last_bounce_at")).annotate(count=Count("pk"))
    counts: dict[date | None, int] = dict(by_day.values_list("day", "count"))
    last = counts.pop(today, 0) + sum(counts.pop(day) for day in list(counts) if day and day > today)
    shown = {day: counts.pop(day, 0) for day in days[:-1]} | {today: last}
    earlier = sum(counts.values())
    scale = _scale(max(earlier, *shown.values()))
    top = scale[-1] or 1
    bars = [_bar(None, earlier, 0, top)]
    bars += [_bar(day, number, place, top) for place, (day, number) in enumerate(shown.items(), 2)]
    return Chart(bars, [Tick(value, 100 - 100 * value / top) for value in scale])


def _bar(day: date | None, number: int, slot: int, top: int) -> Bar:
    height = 100 * number / top
    return Bar(day, number, slot * _SLOT, 100 - height, height)


def _scale(highest: int) -> list[int]:
    """From 0 to no less than the highest, in at most four steps of 1, 2 or 5, or tens of these."""
    steps = (digit * 10**power for power in count() for digit in (1, 2, 5))
    step = next(step for step in steps if step * MOST_STEPS >= highest)
    return list(range(0, highest + step, step)) if highest else [0]
