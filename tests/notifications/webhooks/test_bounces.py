"""What bounces, complaints and deliveries change, on all users' channels of an address."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from channels_api.channels import bounce_resets
from channels_api.messages import confirmations
from channels_api.models import CommunicationChannel
from notifications.webhooks import bounces
from notifications.webhooks.tracking import Kind, Report
from tests.factories import make_channel, make_user
from tests.notifications.services import jobs

pytestmark = pytest.mark.django_db(transaction=True)

ADDRESS = "penny@caltech.edu"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def report(
    kind: Kind = Kind.PERMANENT,
    after: timedelta = timedelta(0),
    summary: str = "550 no",
    address: str = ADDRESS,
) -> None:
    """``after``: since ``NOW``."""
    record(Report(kind, address, NOW + after, summary), NOW + after)


def record(found: Report, received_at: datetime = NOW) -> None:
    with transaction.atomic():
        bounces.record([found], received_at)


def seen(channel: CommunicationChannel) -> dict[str, Any]:
    """What bounces changed of a channel."""
    channel.refresh_from_db()
    fields = ["bounce_count", "last_bounce_at", "last_bounce_summary", "last_suppression_bounce_at"]
    fields += ["last_transient_bounce_at", "last_transient_bounce_summary"]
    return {name: getattr(channel, name) for name in fields if getattr(channel, name)}


@pytest.fixture
def channel() -> CommunicationChannel:
    return make_channel(make_user(), "Penny@Caltech.edu")


COUNTED = {"bounce_count": 1, "last_bounce_at": NOW, "last_bounce_summary": "550 no"}


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        (Kind.PERMANENT, COUNTED),
        (Kind.COMPLAINT, COUNTED),
        (Kind.SUPPRESSION, {"last_suppression_bounce_at": NOW}),
        (
            Kind.TRANSIENT,
            {"last_transient_bounce_at": NOW, "last_transient_bounce_summary": "550 no"},
        ),
        (Kind.DELIVERY, {}),
    ],
)
def test_each_kind_changes_its_own(
    kind: Kind, changed: dict[str, Any], channel: CommunicationChannel
) -> None:
    report(kind)
    assert seen(channel) == changed


def test_all_users_live_channels_of_the_address_change(channel: CommunicationChannel) -> None:
    other = make_channel(make_user(), ADDRESS, workflow_state="unconfirmed")
    report()
    assert seen(channel) == seen(other) == COUNTED


def test_no_other_channel_changes(channel: CommunicationChannel) -> None:
    others = [
        make_channel(channel.user, "amy@caltech.edu"),
        make_channel(make_user(), ADDRESS, workflow_state="retired"),
        make_channel(make_user(), ADDRESS, type="sms"),
    ]
    report()
    assert [seen(other) for other in others] == [{}, {}, {}]


def test_an_address_that_nobody_has_is_no_error() -> None:
    report(address="nobody@example.com")


@pytest.mark.parametrize("address", ["x", "@", "x@", "a\x00@b", "x@" + "y" * 99 + ".de", "x@xn--a"])
def test_what_is_no_address_is_no_error(address: str) -> None:
    report(address=address)


@pytest.mark.parametrize(
    "kept", ["jörg@bücher.example", "joerg@bücher.example", "joerg@xn--bcher-kva.example"]
)
def test_internationalised_domains_are_found_in_either_form(kept: str) -> None:
    channel = make_channel(make_user(), kept)
    local = kept.partition("@")[0]
    report(address=f"{local}@xn--bcher-kva.example")
    report(address=f"{local}@bücher.example", after=HOUR)
    assert seen(channel)["bounce_count"] == 2


def test_a_bounce_is_not_anothers_whose_domain_folds_alike() -> None:
    sharp, double = make_channel(make_user(), "a@faß.de"), make_channel(make_user(), "a@fass.de")
    report(address="a@xn--fa-hia.de")
    assert seen(sharp)["bounce_count"] == 1
    assert seen(double) == {}
    report(address="A@FASS.de", after=HOUR)
    assert seen(double)["bounce_count"] == 1


class TestOnceAnHour:
    @pytest.mark.parametrize("kind", [Kind.PERMANENT, Kind.COMPLAINT, Kind.TRANSIENT, Kind.SUPPRESSION])
    def test_a_second_within_the_hour_changes_nothing(
        self, kind: Kind, channel: CommunicationChannel
    ) -> None:
        report(kind)
        first = seen(channel)
        report(kind, HOUR - timedelta(seconds=1), "another")
        assert seen(channel) == first

    def test_one_an_hour_later_counts(self, channel: CommunicationChannel) -> None:
        report()
        report(after=HOUR, summary="another")
        assert seen(channel) == {
            "bounce_count": 2,
            "last_bounce_at": NOW + HOUR,
            "last_bounce_summary": "another",
        }

    def test_each_kind_has_its_own_hour(self, channel: CommunicationChannel) -> None:
        for kind in (Kind.PERMANENT, Kind.TRANSIENT, Kind.SUPPRESSION):
            report(kind)
        assert seen(channel).keys() == {
            *COUNTED,
            "last_suppression_bounce_at",
            "last_transient_bounce_at",
            "last_transient_bounce_summary",
        }

    def test_old_news_does_not_replace_newer(self, channel: CommunicationChannel) -> None:
        report()
        report(after=-2 * HOUR, summary="old")
        assert seen(channel) == {**COUNTED, "bounce_count": 2}

    def test_each_channel_has_its_own(self, channel: CommunicationChannel) -> None:
        report()
        newer = make_channel(make_user(), ADDRESS)
        report(after=HOUR / 2)
        assert (seen(channel)["bounce_count"], seen(newer)["bounce_count"]) == (1, 1)


class TestDeliveries:
    def test_a_delivery_sets_the_count_back_and_nothing_else(self, channel: CommunicationChannel) -> None:
        report()
        report(Kind.DELIVERY, HOUR)
        assert seen(channel) == {"last_bounce_at": NOW, "last_bounce_summary": "550 no"}

    def test_one_from_before_the_bounce_does_not(self, channel: CommunicationChannel) -> None:
        report()
        report(Kind.DELIVERY, -HOUR)
        assert seen(channel) == COUNTED

    def test_a_count_without_a_time_is_set_back(self, channel: CommunicationChannel) -> None:
        CommunicationChannel.objects.update(bounce_count=2)
        report(Kind.DELIVERY)
        assert seen(channel) == {}


class TestOrder:
    """Reports come in any order, of one request or of two that are days apart."""

    EVENTS = (
        Report(Kind.PERMANENT, ADDRESS, NOW, "550 no"),
        Report(Kind.TRANSIENT, ADDRESS, NOW + HOUR, "later"),
        Report(Kind.SUPPRESSION, ADDRESS, NOW + 2 * HOUR, ""),
        Report(Kind.DELIVERY, ADDRESS, NOW + 3 * HOUR, ""),
    )

    @pytest.mark.parametrize("split", range(len(EVENTS)))
    def test_any_order_in_any_batches_ends_the_same(self, split: int) -> None:
        ends = []
        for events in itertools.permutations(self.EVENTS):
            channel = make_channel(make_user(), ADDRESS)
            for batch in (events[:split], events[split:]):
                with transaction.atomic():
                    bounces.record(batch, NOW + 99 * HOUR)
            ends.append({**seen(channel), "last_delivery_at": channel.last_delivery_at})
            channel.delete()
        assert ends == [
            {
                "last_bounce_at": NOW,
                "last_bounce_summary": "550 no",
                "last_transient_bounce_at": NOW + HOUR,
                "last_transient_bounce_summary": "later",
                "last_suppression_bounce_at": NOW + 2 * HOUR,
                "last_delivery_at": NOW + 3 * HOUR,
            }
        ] * len(ends)

    def test_a_bounce_from_before_the_last_delivery_does_not_count(
        self, channel: CommunicationChannel
    ) -> None:
        report(Kind.DELIVERY)
        record(Report(Kind.PERMANENT, ADDRESS, NOW - HOUR, "550 no"), NOW + 48 * HOUR)
        assert seen(channel) == {"last_bounce_at": NOW - HOUR, "last_bounce_summary": "550 no"}

    def test_a_bounce_after_the_last_delivery_counts(self, channel: CommunicationChannel) -> None:
        report(Kind.DELIVERY, -HOUR)
        report()
        assert seen(channel) == COUNTED

    @pytest.mark.parametrize("first", [Kind.DELIVERY, Kind.PERMANENT])
    def test_at_the_same_time_the_bounce_counts(self, first: Kind, channel: CommunicationChannel) -> None:
        report(first)
        report(Kind.PERMANENT if first is Kind.DELIVERY else Kind.DELIVERY)
        assert seen(channel) == COUNTED

    def test_an_older_delivery_does_not_replace_a_newer(self, channel: CommunicationChannel) -> None:
        report(Kind.DELIVERY)
        report(Kind.DELIVERY, -HOUR)
        channel.refresh_from_db()
        assert channel.last_delivery_at == NOW

    def test_a_delivery_yet_to_come_hides_no_later_bounce(self, channel: CommunicationChannel) -> None:
        record(Report(Kind.DELIVERY, ADDRESS, NOW + 99 * HOUR, ""))
        report(after=HOUR)
        assert seen(channel)["bounce_count"] == 1

    @pytest.mark.parametrize("count", [0, 2])
    def test_a_bounce_from_before_a_reset_does_not_count(
        self, count: int, channel: CommunicationChannel
    ) -> None:
        CommunicationChannel.objects.update(bounce_count=count)
        bounce_resets.reset_bounce_counts(None, CommunicationChannel.objects.all())
        now = datetime.now(UTC)
        record(Report(Kind.PERMANENT, ADDRESS, now - HOUR, "old"), now)
        assert seen(channel) == {"last_bounce_at": now - HOUR, "last_bounce_summary": "old"}
        record(Report(Kind.PERMANENT, ADDRESS, now + HOUR, "new"), now + HOUR)
        assert seen(channel)["bounce_count"] == 1


class TestTimes:
    def test_a_time_that_is_not_said_is_when_it_came(self, channel: CommunicationChannel) -> None:
        record(Report(Kind.PERMANENT, ADDRESS, None, "550 no"))
        assert seen(channel) == COUNTED

    def test_a_time_to_come_is_when_it_came(self, channel: CommunicationChannel) -> None:
        record(Report(Kind.PERMANENT, ADDRESS, NOW + 999 * HOUR, "550 no"))
        assert seen(channel) == COUNTED


@pytest.mark.parametrize(
    ("given", "kept"), [("", None), ("a\x00b", "ab"), ("x" * 5000, "x" * 1000), ("ümlaut", "ümlaut")]
)
def test_summaries(given: str, kept: str | None, channel: CommunicationChannel) -> None:
    report(summary=given)
    assert channel.last_bounce_summary is None
    channel.refresh_from_db()
    assert channel.last_bounce_summary == kept


def test_an_address_that_bounced_gets_no_confirmation() -> None:
    channel = make_channel(make_user(), ADDRESS, workflow_state="unconfirmed")
    other = make_channel(make_user(), ADDRESS, workflow_state="unconfirmed")
    now = datetime.now(UTC)
    record(Report(Kind.PERMANENT, ADDRESS, now, ""), now)
    for each in (channel, other):
        each.refresh_from_db()
        assert not confirmations.resend(each)
    assert jobs("todo") == []


def test_no_query_a_channel(django_assert_num_queries: Any) -> None:
    for _ in range(20):
        make_channel(make_user(), ADDRESS)
    with transaction.atomic(), django_assert_num_queries(3):
        bounces.record([Report(Kind.PERMANENT, ADDRESS, NOW, "")], NOW)
