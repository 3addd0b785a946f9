"""A small chart of bounces, drawn as SVG by the server: no script, and a table says the same.

What is kept of bounces is each channel's last one (what providers reported is raw, names no account, and goes
after ``WEBHOOK_EVENT_DAYS``). So it counts channels by the day of their last bounce; those that were
delivered to or reset since are not among them.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Count, QuerySet
from django.db.models.functions import TruncDate
from django.utils import timezone

from channels_api.models import CommunicationChannel

DAYS = 30
WIDTH, HEIGHT = 600, 120  # of the drawing, in its own units
STEP = WIDTH // DAYS


@dataclass(frozen=True, slots=True)
class Bar:
    """A day's; the origin is the drawing's upper left corner."""

    day: date
    count: int
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Chart:
    bars: list[Bar]
    highest: int
    total: int
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def first(self) -> date:
        return self.bars[0].day

    @property
    def last(self) -> date:
        return self.bars[-1].day


def bounces_by_day(channels: QuerySet[CommunicationChannel]) -> Chart:
    """``channels``: those that bounce. Days are UTC's."""
    today = timezone.now().date()
    days = [today - timedelta(days=ago) for ago in reversed(range(DAYS))]
    recent = channels.filter(last_bounce_at__gte=timezone.now() - timedelta(days=DAYS)).order_by()
    by_day = recent.values(day=TruncDate("last_bounce_at")).annotate(count=Count("pk"))
    counts = dict(by_day.values_list("day", "count"))
    highest = max((counts.get(day, 0) for day in days), default=0)
    bars = []
    for place, day in enumerate(days):
        count = counts.get(day, 0)
        height = max(2, round(HEIGHT * count / highest)) if count else 0
        bars.append(Bar(day, count, place * STEP + 2, HEIGHT - height, STEP - 4, height))
    return Chart(bars, highest, sum(bar.count for bar in bars))
