"""Which bounces count: the same for every order, against a reading of the rule that takes them in theirs."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels_api.channels import bounces
from channels_api.channels.bounces import Kind
from channels_api.models import CommunicationChannel

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SEEN = [name for name in bounces.FIELDS if name != "bounce_history"]


@dataclass(frozen=True)
class Event:
    minute: int
    kind: str  # or "delivery", "reset"

    @property
    def at(self) -> datetime:
        return NOW + timedelta(minutes=self.minute)

    @property
    def summary(self) -> str | None:
        return None if self.kind == "suppression" else f"{self.kind} at {self.minute}"


def apply(channel: CommunicationChannel, event: Event) -> None:
    match event.kind:
        case "delivery":
            bounces.delivered(channel, event.at)
        case "reset":
            bounces.forget(channel, event.at)
        case kind:
            bounces.bounced(channel, Kind(kind), event.at, event.summary)


def end(events: Iterable[Event], **before: Any) -> dict[str, Any]:
    channel = CommunicationChannel(**before)
    for event in events:
        apply(channel, event)
    return {name: getattr(channel, name) for name in bounces.FIELDS}


def in_order(events: Iterable[Event]) -> dict[str, Any]:
    """What the events leave, read as they happened; of those at the same time the bounce is the last."""
    found: dict[str, Any] = dict.fromkeys(SEEN)
    found["bounce_count"] = 0
    fields = {"permanent": "bounce", "transient": "transient_bounce", "suppression": "suppression_bounce"}
    for event in sorted(events, key=lambda each: (each.minute, each.kind in fields)):
        if event.kind in {"delivery", "reset"}:
            found["bounce_count"] = 0
            column = "last_delivery_at" if event.kind == "delivery" else "bounce_count_reset_at"
            found[column] = event.at
            continue
        last = found[f"last_{fields[event.kind]}_at"]
        if last is not None and event.at < last + HOUR:
            continue
        found[f"last_{fields[event.kind]}_at"] = event.at
        if event.kind != "suppression":
            found[f"last_{fields[event.kind]}_summary"] = event.summary
        found["bounce_count"] += event.kind == "permanent"
    return found


def permanent(*minutes: int) -> list[Event]:
    return [Event(minute, "permanent") for minute in minutes]


SETS = {
    "a delivery between two bounces": ([*permanent(0, 180), Event(90, "delivery")], 1),
    "a reset between two bounces": ([*permanent(0, 180), Event(90, "reset")], 1),
    "a delivery after all": ([*permanent(0, 90, 180), Event(200, "delivery")], 0),
    "a delivery before all": ([*permanent(0, 90, 180), Event(-30, "delivery")], 3),
    "some within the hour": (permanent(0, 30, 59, 60, 119, 120), 3),
    "a chain that its first one shifts": (permanent(0, 50, 100, 150, 200), 3),
    "shifted over a delivery": ([*permanent(0, 50, 100, 150), Event(55, "delivery")], 1),
    "within the hour of one that is forgotten": ([*permanent(0, 30), Event(10, "delivery")], 0),
    "two deliveries and a reset": (
        [*permanent(0, 70, 140), Event(10, "delivery"), Event(80, "reset"), Event(60, "delivery")],
        1,
    ),
    "each kind's own hour": (
        [
            *permanent(0),
            *[Event(minute, kind) for kind in ("transient", "suppression") for minute in (5, 64)],
        ],
        1,
    ),
    "transient ones that are shifted": ([Event(minute, "transient") for minute in (0, 30, 60, 89, 120)], 0),
    "at the same time": ([*permanent(0), Event(0, "delivery"), Event(0, "reset"), Event(0, "transient")], 1),
}


@pytest.mark.parametrize("name", SETS)
def test_any_order_ends_as_in_order(name: str) -> None:
    events, count = SETS[name]
    expected = in_order(events)
    assert expected["bounce_count"] == count
    ends = [end(order) for order in itertools.permutations(events)]
    assert [{field: found[field] for field in SEEN} for found in ends] == [expected] * len(ends)
    assert all(found == ends[0] for found in ends), "what is kept differs"


kinds = st.sampled_from(["permanent", "permanent", "transient", "suppression", "delivery", "reset"])
events_ = st.lists(st.builds(Event, st.integers(-200, 400), kinds), max_size=25, unique=True)


@settings(deadline=None, derandomize=True, max_examples=150)
@given(events_.flatmap(lambda found: st.tuples(st.just(found), st.permutations(found))))
def test_any_events_in_any_order(drawn: tuple[list[Event], list[Event]]) -> None:
    events, order = drawn
    found = end(order)
    assert {field: found[field] for field in SEEN} == in_order(events)
    assert found == end(events)
    assert found == end([*order, *order]), "an event that is told twice counts twice"


@pytest.mark.parametrize("order", list(itertools.permutations(["550 a", "550 b", None])))
def test_of_two_at_the_same_time_one_is_kept_whichever_came_first(order: tuple[str | None, ...]) -> None:
    channel = CommunicationChannel()
    for summary in order:
        bounces.bounced(channel, Kind.PERMANENT, NOW, summary)
    assert (channel.bounce_count, channel.last_bounce_summary) == (1, "550 b")


class TestSettled:
    """What is beyond the number of bounces that are kept."""

    MANY = permanent(*range(0, 70 * (bounces.MAX_KEPT + 50), 70))

    def test_all_are_counted(self) -> None:
        found = end(self.MANY)
        assert found["bounce_count"] == len(self.MANY)
        assert len(found["bounce_history"]["permanent"]) == bounces.MAX_KEPT

    def test_as_in_order_with_many_within_the_hour(self) -> None:
        events = [*permanent(*range(0, 7000, 7)), *[Event(n, "transient") for n in range(0, 7000, 7)]]
        found = end(events)
        assert {field: found[field] for field in SEEN} == in_order(events)

    def test_more_than_are_kept_within_one_hour(self) -> None:
        channel = CommunicationChannel()
        for second in range(3 * bounces.MAX_KEPT):
            bounces.bounced(channel, Kind.PERMANENT, NOW + timedelta(seconds=second), str(second))
        assert (channel.bounce_count, channel.last_bounce_at, channel.last_bounce_summary) == (1, NOW, "0")

    @pytest.mark.parametrize("kind", ["delivery", "reset"])
    def test_a_later_delivery_forgets_them(self, kind: str) -> None:
        newest = self.MANY[-1].minute
        assert end([*self.MANY, Event(newest + 1, kind)])["bounce_count"] == 0
        assert end([*self.MANY, Event(newest - 100, kind)])["bounce_count"] == 2

    def test_one_from_before_them_changes_nothing(self) -> None:
        assert end([*self.MANY, *permanent(-500)]) == end(self.MANY)

    def test_those_from_before_the_last_delivery_do_not_count(self) -> None:
        events = [*self.MANY[:40], Event(self.MANY[39].minute + 1, "delivery"), *self.MANY[40:]]
        assert end(events)["bounce_count"] == len(self.MANY) - 40


OLD = {"bounce_count": 3, "last_bounce_at": NOW, "last_bounce_summary": "550 no"}


class TestCountedByAnotherVersion:
    """A channel without a history, or one whose columns say otherwise: the columns are right."""

    HISTORIES: tuple[dict[str, Any], ...] = (
        {},
        {"permanent": [{"at": "2026-01-01T00:00:00+00:00"}]},
        {"permanent": [{"at": "2026-03-01T12:00:00+00:00"}, {"at": "2026-03-01T14:00:00+00:00"}]},
    )

    @pytest.fixture(params=HISTORIES)
    def old(self, request: pytest.FixtureRequest) -> dict[str, Any]:
        return {**OLD, "bounce_history": request.param}

    @pytest.mark.parametrize(("minute", "count"), [(-500, 3), (30, 3), (60, 4)])
    def test_a_bounce(self, minute: int, count: int, old: dict[str, Any]) -> None:
        found = end(permanent(minute), **old)
        assert found["bounce_count"] == count
        assert found["last_bounce_at"] == (NOW if count == 3 else NOW + HOUR)
        assert found["last_bounce_summary"] == ("550 no" if count == 3 else "permanent at 60")

    @pytest.mark.parametrize("kind", ["delivery", "reset"])
    @pytest.mark.parametrize(("minute", "count"), [(-1, 3), (0, 3), (1, 0)])
    def test_a_delivery_or_reset(self, kind: str, minute: int, count: int, old: dict[str, Any]) -> None:
        assert end([Event(minute, kind)], **old)["bounce_count"] == count

    def test_a_late_delivery_forgets_what_was_counted_before(self, old: dict[str, Any]) -> None:
        events = [*permanent(180), Event(90, "delivery")]
        for order in itertools.permutations(events):
            assert end(order, **old)["bounce_count"] == 1

    def test_a_count_without_a_time(self) -> None:
        assert end(permanent(0), bounce_count=2)["bounce_count"] == 3
        assert end([Event(0, "delivery"), *permanent(60)], bounce_count=2)["bounce_count"] == 1

    def test_a_transient_bounce(self) -> None:
        before = {"last_transient_bounce_at": NOW, "last_transient_bounce_summary": "450 later"}
        found = end([Event(30, "transient")], **before)
        assert {name: found[name] for name in before} == before


class TestForgetting:
    def test_all_that_is_known_though_a_clock_be_ahead(self) -> None:
        channel = CommunicationChannel()
        for minute in (0, 90):
            bounces.bounced(channel, Kind.PERMANENT, NOW + timedelta(minutes=minute), "")
        bounces.forget_all(channel, NOW)
        assert channel.bounce_count == 0
        bounces.bounced(channel, Kind.PERMANENT, NOW + 3 * HOUR, "")
        assert channel.bounce_count == 1

    def test_an_older_reset_does_not_replace_a_newer(self) -> None:
        assert end([Event(90, "reset"), Event(0, "reset"), *permanent(60)])["bounce_count"] == 0

    def test_another_address_has_nothing_of_it(self) -> None:
        channel = CommunicationChannel(**OLD)
        apply(channel, Event(90, "permanent"))
        apply(channel, Event(100, "delivery"))
        apply(channel, Event(110, "reset"))
        bounces.clear(channel)
        assert {name: getattr(channel, name) for name in bounces.FIELDS} == end([])


def test_summaries_are_kept_no_longer_than_they_may_be_shown() -> None:
    kept = end(permanent(0, 30, 70, 100))["bounce_history"]["permanent"]
    assert [each.get("summary") for each in kept] == [None, None, "permanent at 70", "permanent at 100"]
