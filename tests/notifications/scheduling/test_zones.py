from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest

from notifications.scheduling import zones

NEW_YORK, BERLIN, LORD_HOWE, PHOENIX = (
    "America/New_York",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "America/Phoenix",
)


@pytest.fixture(autouse=True)
def _committed() -> None:
    """These tests have no database."""


def local(text: str, zone: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)


def hours(starts: str, ends: str, *days: int) -> zones.Hours:
    return SimpleNamespace(starts=time.fromisoformat(starts), ends=time.fromisoformat(ends), days=list(days))


def seconds_between(first: datetime, second: datetime) -> float:
    """Real ones: Python subtracts times of one zone by the clock."""
    return second.timestamp() - first.timestamp()


@pytest.mark.parametrize(
    ("user", "account", "expected"),
    [
        (BERLIN, NEW_YORK, BERLIN),
        ("", NEW_YORK, NEW_YORK),
        ("", "", "America/Denver"),
        ("Mars/Phobos", NEW_YORK, NEW_YORK),
        ("../../etc/passwd", "America", "America/Denver"),
        ("localtime", "Factory", "America/Denver"),
    ],
)
def test_a_zone_that_is_none_falls_back(user: str, account: str, expected: str) -> None:
    assert zones.zone_of(user, account).key == expected


@pytest.mark.parametrize(
    ("now", "zone", "expected"),
    [
        ("2026-11-27 17:59:59", BERLIN, "2026-11-27T17:00:00Z"),
        ("2026-11-27 18:00:00", BERLIN, "2026-11-28T17:00:00Z"),
        ("2026-11-27 23:59:00", BERLIN, "2026-11-28T17:00:00Z"),
        ("2026-07-04 12:00", PHOENIX, "2026-07-05T01:00:00Z"),
        ("2026-12-04 12:00", PHOENIX, "2026-12-05T01:00:00Z"),
        # The day on which clocks go forward, and the one on which they go back.
        ("2026-03-07 19:00", NEW_YORK, "2026-03-08T22:00:00Z"),
        ("2026-03-08 00:30", NEW_YORK, "2026-03-08T22:00:00Z"),
        ("2026-10-31 19:00", NEW_YORK, "2026-11-01T23:00:00Z"),
        ("2026-11-01 01:30", NEW_YORK, "2026-11-01T23:00:00Z"),
        ("2026-03-28 19:00", BERLIN, "2026-03-29T16:00:00Z"),
        ("2026-10-24 19:00", BERLIN, "2026-10-25T17:00:00Z"),
        ("2026-10-03 19:00", LORD_HOWE, "2026-10-04T07:00:00Z"),
        ("2026-04-04 19:00", LORD_HOWE, "2026-04-05T07:30:00Z"),
    ],
)
def test_daily_is_at_18_00(now: str, zone: str, expected: str) -> None:
    found = zones.next_daily(local(now, zone), ZoneInfo(zone))
    assert found == datetime.fromisoformat(expected)
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    "zone", [NEW_YORK, BERLIN, LORD_HOWE, PHOENIX, "Asia/Kathmandu", "Pacific/Kiritimati"]
)
def test_a_year_has_a_daily_moment_on_each_day_and_a_weekly_one_on_each_saturday(zone: str) -> None:
    where = ZoneInfo(zone)
    start = end = local("2026-01-01 00:00", zone).astimezone(UTC)
    daily, weekly = [], []
    while (end := zones.next_daily(end, where)) < start + timedelta(365):
        daily.append(end.astimezone(where))
    assert [moment.date() for moment in daily] == [date(2026, 1, 1) + timedelta(n) for n in range(365)]
    assert {moment.time() for moment in daily} == {time(18)}
    end = start
    while (end := zones.next_weekly(end, where, 12)) < start + timedelta(364):
        weekly.append(end.astimezone(where))
    assert len(weekly) == 52
    assert {moment.isoweekday() for moment in weekly} == {6}
    assert len({moment.time() for moment in weekly}) == 1


def test_weekly_is_spread_over_six_hours_of_saturday() -> None:
    now, zone = local("2026-11-25 12:00", BERLIN), ZoneInfo(BERLIN)
    moments = [zones.next_weekly(now, zone, user_id).astimezone(zone) for user_id in range(1, 2401)]
    assert {moment.date().isoformat() for moment in moments} == {"2026-11-28"}
    turns = Counter((moment.hour, moment.minute // 15) for moment in moments)
    assert turns.keys() == {(hour, turn) for hour in range(6) for turn in range(4)}
    assert max(turns.values()) <= 1.1 * min(turns.values())


def test_who_had_it_this_saturday_gets_it_on_the_next() -> None:
    now, zone = local("2026-11-28 05:59:59", BERLIN), ZoneInfo(BERLIN)
    assert zones.next_weekly(now, zone, 1).astimezone(zone).date().isoformat() == "2026-12-05"
    moment = zones.next_weekly(local("2026-11-28 00:00", BERLIN), zone, 1)
    assert zones.next_weekly(moment, zone, 1) == moment + timedelta(7)
    assert zones.next_weekly(moment - timedelta(seconds=1), zone, 1) == moment


def test_what_a_clock_jumps_over_is_the_moment_of_the_jump() -> None:
    """Samoa had no 30 December 2011, and Beirut's Sundays of March begin at 1:00."""
    samoa = ZoneInfo("Pacific/Apia")
    found = zones.next_daily(local("2011-12-29 19:00", "Pacific/Apia"), samoa)
    assert found == datetime(2011, 12, 30, 10, tzinfo=UTC)
    assert found.astimezone(samoa).isoformat() == "2011-12-31T00:00:00+14:00"
    until = zones.quiet_until(
        local("2026-03-28 23:00", "Asia/Beirut"), ZoneInfo("Asia/Beirut"), hours("22:00", "00:30")
    )
    assert until == local("2026-03-29 01:00", "Asia/Beirut")


@pytest.mark.parametrize(
    ("now", "range_", "expected"),
    [
        ("2026-11-27 21:59", hours("22:00", "07:00"), None),
        ("2026-11-27 22:00", hours("22:00", "07:00"), "2026-11-28 07:00"),
        ("2026-11-28 06:59", hours("22:00", "07:00"), "2026-11-28 07:00"),
        ("2026-11-28 07:00", hours("22:00", "07:00"), None),
        ("2026-11-28 12:00", hours("09:00", "17:00"), "2026-11-28 17:00"),
        ("2026-11-28 08:59", hours("09:00", "17:00"), None),
        ("2026-11-28 17:00", hours("09:00", "17:00"), None),
        ("2026-11-28 12:00", hours("12:00", "12:00"), None),
        # 27 November 2026 is a Friday: the days are those on which they start.
        ("2026-11-27 23:00", hours("22:00", "07:00", 5), "2026-11-28 07:00"),
        ("2026-11-28 06:00", hours("22:00", "07:00", 5), "2026-11-28 07:00"),
        ("2026-11-28 23:00", hours("22:00", "07:00", 5), None),
        ("2026-11-27 06:00", hours("22:00", "07:00", 5), None),
        ("2026-11-28 06:00", hours("22:00", "07:00", 6), None),
        ("2026-11-29 06:00", hours("22:00", "07:00", 6, 1), "2026-11-29 07:00"),
    ],
)
@pytest.mark.parametrize("zone", [NEW_YORK, BERLIN, LORD_HOWE, PHOENIX])
def test_quiet_hours(zone: str, now: str, range_: zones.Hours, expected: str | None) -> None:
    found = zones.quiet_until(local(now, zone), ZoneInfo(zone), range_)
    assert found == (expected and local(expected, zone))
    assert found is None or found.tzinfo is UTC


@pytest.mark.parametrize(
    ("zone", "evening", "seconds"),
    [
        (NEW_YORK, "2026-03-07 22:00", 8 * 3600),
        (NEW_YORK, "2026-10-31 22:00", 10 * 3600),
        (BERLIN, "2026-03-28 22:00", 8 * 3600),
        (BERLIN, "2026-10-24 22:00", 10 * 3600),
        (LORD_HOWE, "2026-10-03 22:00", 8.5 * 3600),
        (LORD_HOWE, "2026-04-04 22:00", 9.5 * 3600),
        (PHOENIX, "2026-03-07 22:00", 9 * 3600),
    ],
)
def test_a_night_on_which_clocks_change_is_shorter_or_longer(zone: str, evening: str, seconds: float) -> None:
    now = local(evening, zone)
    until = zones.quiet_until(now, ZoneInfo(zone), hours("22:00", "07:00"))
    assert until is not None
    assert seconds_between(now, until) == seconds


@pytest.mark.parametrize(
    ("zone", "now", "range_", "expected"),
    [
        # From 2:00 to 3:00 (Lord Howe: to 2:30) nothing is on the clock.
        (
            NEW_YORK,
            local("2026-03-08 01:45", NEW_YORK),
            hours("23:00", "02:30"),
            local("2026-03-08 03:00", NEW_YORK),
        ),
        (NEW_YORK, local("2026-03-08 03:00", NEW_YORK), hours("23:00", "02:30"), None),
        (NEW_YORK, local("2026-03-08 03:00", NEW_YORK), hours("02:15", "02:45"), None),
        (
            NEW_YORK,
            local("2026-03-08 03:00", NEW_YORK),
            hours("02:15", "04:00"),
            local("2026-03-08 04:00", NEW_YORK),
        ),
        (
            LORD_HOWE,
            local("2026-10-04 01:45", LORD_HOWE),
            hours("23:00", "02:15"),
            local("2026-10-04 02:30", LORD_HOWE),
        ),
        (LORD_HOWE, local("2026-10-04 02:30", LORD_HOWE), hours("02:10", "02:20"), None),
        # From 1:00 (Berlin: 2:00, Lord Howe: 1:30) to an hour (half of one) later the clock runs twice.
        (
            NEW_YORK,
            local("2026-11-01 01:40", NEW_YORK),
            hours("23:00", "01:30"),
            local("2026-11-01 01:30", NEW_YORK, 1),
        ),
        (
            NEW_YORK,
            local("2026-11-01 01:29", NEW_YORK, 1),
            hours("23:00", "01:30"),
            local("2026-11-01 01:30", NEW_YORK, 1),
        ),
        (NEW_YORK, local("2026-11-01 01:30", NEW_YORK, 1), hours("23:00", "01:30"), None),
        (
            BERLIN,
            local("2026-10-25 02:10", BERLIN),
            hours("02:10", "02:20"),
            local("2026-10-25 02:20", BERLIN, 1),
        ),
        (
            LORD_HOWE,
            local("2026-04-05 01:30", LORD_HOWE),
            hours("23:00", "01:45"),
            local("2026-04-05 01:45", LORD_HOWE, 1),
        ),
        (LORD_HOWE, local("2026-04-05 01:45", LORD_HOWE, 1), hours("23:00", "01:45"), None),
    ],
)
def test_quiet_hours_at_times_that_are_skipped_or_doubled(
    zone: str, now: datetime, range_: zones.Hours, expected: datetime | None
) -> None:
    found = zones.quiet_until(now, ZoneInfo(zone), range_)
    assert (found and found.timestamp()) == (expected and expected.timestamp())
