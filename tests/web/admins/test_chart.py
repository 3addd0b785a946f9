"""The chart of bounces: its bars, its scale, and that it counts all that it is given."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.utils import timezone

from canvas_channels.web.admins.chart import DAYS, _scale, bounces_by_day
from channels_api.models import CommunicationChannel
from tests.factories import make_channel, make_user

ALL = CommunicationChannel.objects


@pytest.mark.parametrize(
    ("highest", "scale"),
    [
        (0, [0]),
        (1, [0, 1]),
        (4, [0, 1, 2, 3, 4]),
        (5, [0, 2, 4, 6]),
        (9, [0, 5, 10]),
        (17, [0, 5, 10, 15, 20]),
        (20, [0, 5, 10, 15, 20]),
        (1000, [0, 500, 1000]),
        (999_999, [0, 500_000, 1_000_000]),
    ],
)
def test_the_scale_is_of_round_numbers(highest: int, scale: list[int]) -> None:
    assert _scale(highest) == scale


@pytest.mark.django_db
def test_every_channel_is_counted_once() -> None:
    user = make_user()
    for days in (0, 0, 3, DAYS - 1, DAYS, 400):
        make_channel(user, bounce_count=1, last_bounce_at=timezone.now() - timedelta(days=days))
    make_channel(user, bounce_count=1, last_bounce_at=timezone.now() + timedelta(days=2))  # a clock ahead
    make_channel(user, bounce_count=1)  # counted by another service, which did not say when
    chart = bounces_by_day(ALL.filter(user=user))
    assert chart.total == 8
    assert {bar.day: bar.count for bar in chart.bars if bar.count} == {
        None: 3,
        timezone.localdate(): 3,
        timezone.localdate() - timedelta(days=3): 1,
        timezone.localdate() - timedelta(days=DAYS - 1): 1,
    }


@pytest.mark.django_db
def test_days_are_those_of_the_zone() -> None:
    late = datetime.now(UTC).replace(hour=23, minute=30) - timedelta(days=2)
    make_channel(make_user(), bounce_count=1, last_bounce_at=late)
    for zone, later in (("UTC", 0), ("Asia/Tokyo", 1)):
        with timezone.override(zone):
            [bar] = [bar for bar in bounces_by_day(ALL.all()).bars if bar.count]
            assert bar.day == late.date() + timedelta(days=later)


@pytest.mark.django_db
def test_bars_are_within_the_drawing_and_apart() -> None:
    user = make_user()
    for days in (*range(DAYS), 99):
        make_channel(user, bounce_count=1, last_bounce_at=timezone.now() - timedelta(days=days))
    bars = bounces_by_day(ALL.all()).bars
    assert len(bars) == DAYS + 1
    for left, right in pairwise(bars):
        assert left.x + left.width < right.x
    assert bars[-1].x + bars[-1].width <= 100
    assert all(bar.y + bar.height == 100 for bar in bars)
    assert [tick.y for tick in bounces_by_day(ALL.all()).scale] == [100, 0]
