"""When digests are made and quiet hours end, in a user's time zone. Pure: knows neither clock nor database.

A local time that a clock shows twice is its first moment, but the end of quiet hours is its last. One that is
skipped is the moment at which the clock jumps over it.
"""

from bisect import bisect_right
from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from canvas_channels.core.identity.validators import time_zones

FALLBACK = "America/Denver"  # Canvas's, for accounts without a zone of their own
DAILY = time(18)
SATURDAY = 6  # of ISO weekdays
WEEKLY_SECONDS = 6 * 60 * 60  # from Saturday, 0:00
_STRIDE = 13_349  # coprime to it, and 0.618 of it: neighbouring ids come far apart


class Hours(Protocol):
    """What :class:`notifications.models.QuietHours` keeps."""

    @property
    def starts(self) -> time: ...
    @property
    def ends(self) -> time: ...
    @property
    def days(self) -> Collection[int]: ...


def zone_of(user_zone: str, account_zone: str) -> ZoneInfo:
    """The user's zone, else their account's, else America/Denver; a name that is no zone counts as none."""
    known = time_zones()
    return ZoneInfo(next((name for name in (user_zone, account_zone) if name in known), FALLBACK))


def next_daily(now: datetime, zone: ZoneInfo) -> datetime:
    """The next 18:00 after ``now`` (aware), in UTC."""
    today = now.astimezone(zone).date()
    moments = (_moment(today + timedelta(days), DAILY, zone) for days in range(3))
    return next(moment for moment in moments if moment > now)


def next_weekly(now: datetime, zone: ZoneInfo, user_id: int) -> datetime:
    """A user's own moment of the next Saturday, from 0:00 and before 6:00, in UTC; the same every week."""
    seconds = user_id * _STRIDE % WEEKLY_SECONDS
    at = time(seconds // 3600, seconds // 60 % 60, seconds % 60)
    today = now.astimezone(zone).date()
    saturday = today + timedelta((SATURDAY - today.isoweekday()) % 7)
    moments = (_moment(saturday + timedelta(days), at, zone) for days in (0, 7))
    return next(moment for moment in moments if moment > now)


def quiet_until(now: datetime, zone: ZoneInfo, hours: Hours) -> datetime | None:
    """When the quiet hours end that ``now`` (aware) is in, in UTC; None: in none.

    Those that start and end at the same time are none.
    """
    today = now.astimezone(zone).date()
    over_midnight = hours.starts > hours.ends
    for first in (today - timedelta(1), today):
        if hours.days and first.isoweekday() not in hours.days:
            continue
        ends = _moment(first + timedelta(over_midnight), hours.ends, zone, last=True)
        if hours.starts != hours.ends and _moment(first, hours.starts, zone) <= now < ends:
            return ends
    return None


def _moment(day: date, at: time, zone: ZoneInfo, *, last: bool = False) -> datetime:
    """When a clock shows this, the first or the ``last`` time, or jumps over it (PEP 495)."""
    local = datetime.combine(day, at.replace(fold=last), zone)
    moment = local.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return moment
    # Before the jump and after it, as the offset of one side is used on the other.
    earliest, latest = (int(local.replace(fold=fold).timestamp()) for fold in (1, 0))
    offset = _offset(earliest, zone)
    jump = bisect_right(range(earliest, latest + 1), offset, key=lambda second: _offset(second, zone))
    return datetime.fromtimestamp(earliest + jump, UTC)


def _offset(second: int, zone: ZoneInfo) -> timedelta:
    return datetime.fromtimestamp(second, zone).utcoffset() or timedelta()
