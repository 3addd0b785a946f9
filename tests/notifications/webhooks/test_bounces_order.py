"""Events of an address in any order, in any batches, with an admin's resets between them."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from channels_api.accounts import bulk
from channels_api.channels import bounce_resets, imported, replacement
from channels_api.channels.bounces import FIELDS
from channels_api.models import AuditEntry, CommunicationChannel, Progress
from notifications.webhooks import bounces
from notifications.webhooks.tracking import Kind, Report
from tests.factories import make_account, make_channel, make_site_admin, make_user

pytestmark = pytest.mark.django_db(transaction=True)

ADDRESS = "penny@caltech.edu"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
RESET = "reset"


def event(hours: float, kind: Kind | str = Kind.PERMANENT, address: str = ADDRESS) -> Any:
    at = NOW + hours * HOUR
    return at if kind == RESET else Report(Kind(kind), address, at, f"{kind} at {hours}")


def apply(batch: Any) -> None:
    """Reports that follow each other are of one event."""
    for is_report, group in itertools.groupby(batch, lambda each: isinstance(each, Report)):
        if is_report:
            with transaction.atomic():
                bounces.record(group, NOW + 99 * HOUR)
            continue
        for at in group:
            bounce_resets.reset_bounce_counts(None, CommunicationChannel.objects.all(), at)


def seen(channel: CommunicationChannel) -> dict[str, Any]:
    channel.refresh_from_db()
    return {name: getattr(channel, name) for name in FIELDS if getattr(channel, name)}


def end(*batches: Any) -> dict[str, Any]:
    """What is left of a new channel."""
    channel = make_channel(make_user(), ADDRESS)
    for batch in batches:
        apply(batch)
    found = seen(channel)
    channel.delete()
    return found


SETS = {
    "all kinds": (
        [event(0), event(1, RESET), event(1.5, Kind.COMPLAINT), event(2, Kind.DELIVERY), event(3)],
        1,
    ),
    "a delivery between two bounces": ([event(0), event(2), event(1, Kind.DELIVERY)], 1),
    "a reset between two bounces": ([event(0), event(2), event(1, RESET)], 1),
    "within the hour": ([event(0), event(0.6), event(1.2), event(1.8)], 2),
    "those that are not counted": (
        [event(hours, kind) for kind in (Kind.TRANSIENT, Kind.SUPPRESSION) for hours in (0, 0.6)],
        0,
    ),
}


@pytest.mark.parametrize(("name", "split"), [*itertools.product(list(SETS)[1:], [0, 2]), ("all kinds", 2)])
def test_any_order_in_any_batches_ends_the_same(name: str, split: int) -> None:
    events, count = SETS[name]
    orders = itertools.permutations(events)
    ends = [end(order[:split], order[split:]) for order in orders]
    one_by_one = end(*[[each] for each in events])
    assert one_by_one.get("bounce_count", 0) == count
    assert ends == [one_by_one] * len(ends)


def test_all_channels_of_an_address_though_they_differ(django_assert_num_queries: Any) -> None:
    channels = [make_channel(make_user(), ADDRESS) for _ in range(3)]
    now = timezone.now()
    CommunicationChannel.objects.filter(pk=channels[1].pk).update(bounce_count=4, last_bounce_at=NOW)
    CommunicationChannel.objects.filter(pk=channels[2].pk).update(bounce_count_reset_at=now)
    with transaction.atomic(), django_assert_num_queries(3):
        bounces.record([event(2)], now)
    assert [seen(channel).get("bounce_count", 0) for channel in channels] == [1, 5, 0]


def test_reports_of_several_addresses_lock_all_at_once_in_one_order(django_assert_num_queries: Any) -> None:
    """Two events that name them in another order never wait for each other."""
    channels = [make_channel(make_user(), f"{name}@example.edu") for name in "cab"]
    reports = [event(0, address=f"{name}@example.edu") for name in "bca"]
    with transaction.atomic(), CaptureQueriesContext(connection) as captured:
        bounces.record(reports, NOW)
    [locks] = [query["sql"] for query in captured if "FOR NO KEY UPDATE" in query["sql"]]
    assert 'ORDER BY "channels_api_communicationchannel"."id"' in locks
    assert [seen(channel)["bounce_count"] for channel in channels] == [1, 1, 1]


class TestAudit:
    def told(self) -> list[tuple[str, str]]:
        entries = AuditEntry.objects.order_by("pk")
        found = [(row.action, row.details.get("reason", "")) for row in entries]
        AuditEntry.objects.all().delete()
        return found

    def test_what_changes_nothing_is_not_recorded(self) -> None:
        channel = make_channel(make_user(), ADDRESS)
        apply([event(0)])
        assert self.told() == [("bounce", "permanent")]
        before = seen(channel), channel.updated_at
        apply([event(0.5), event(0)])
        assert seen(channel).pop("bounce_history") != before[0].pop("bounce_history")
        assert (channel.updated_at, self.told()) == (before[1], [])

    def test_a_late_one_that_counts_is_recorded(self) -> None:
        channel = make_channel(make_user(), ADDRESS)
        apply([event(3)])
        apply([event(0)])
        assert (seen(channel)["bounce_count"], channel.last_bounce_at) == (2, NOW + 3 * HOUR)
        assert self.told() == [("bounce", "permanent")] * 2

    def test_a_late_delivery_that_forgets_some_is_recorded(self) -> None:
        make_channel(make_user(), ADDRESS)
        apply([event(0), event(3)])
        self.told()
        apply([event(1, Kind.DELIVERY)])
        apply([event(2, Kind.DELIVERY)])
        assert self.told() == [("reset_bounce_count", "delivery")]


class TestResets:
    def test_an_admins_is_of_all_that_is_known(self) -> None:
        later = timezone.now() + HOUR
        channel = make_channel(make_user(), ADDRESS, bounce_count=2, last_bounce_at=later)
        assert bounce_resets.reset_bounce_counts(None, CommunicationChannel.objects.all()) == 1
        assert "bounce_count" not in seen(channel)

    def test_one_that_waited_forgets_what_bounced_before_it_was_asked_for(self) -> None:
        """However late it is done, and whatever came meanwhile."""
        boss, account = make_site_admin(), make_account()
        channel = make_channel(make_user(account=account), ADDRESS)
        apply([event(-2), event(0)])
        progress = Progress.objects.create(
            account=account, user=boss, actor=boss, tag=Progress.Tag.RESET,
            details={"channel_ids": [channel.pk]},
        )  # fmt: skip
        Progress.objects.update(created_at=NOW + HOUR)
        progress.refresh_from_db()
        apply([event(2)])
        bulk.reset_scheduled(progress)
        assert (seen(channel)["bounce_count"], channel.bounce_count_reset_at) == (1, NOW + HOUR)
        apply([event(4), event(-4)])
        assert seen(channel)["bounce_count"] == 2

    def test_an_older_one_does_not_undo_a_newer(self) -> None:
        channel = make_channel(make_user(), ADDRESS)
        for hours in (5, 1):
            apply([event(hours, RESET)])
        assert seen(channel)["bounce_count_reset_at"] == NOW + 5 * HOUR


class TestOtherWriters:
    def test_a_new_spelling_overwrites_no_bounce_that_came_meanwhile(self) -> None:
        channel = make_channel(make_user(), ADDRESS)
        apply([event(0)])
        with transaction.atomic():
            replacement.replace(channel, "Penny@Caltech.edu", [], "active")
        assert (seen(channel)["bounce_count"], channel.address) == (1, "Penny@Caltech.edu")

    def test_another_address_begins_anew(self) -> None:
        channel = make_channel(make_user(), ADDRESS)
        apply([event(0), event(2), event(1, Kind.DELIVERY)])
        channel.refresh_from_db()
        with transaction.atomic():
            replacement.replace(channel, "new@caltech.edu", [], "active")
        assert seen(channel) == {}
        apply([event(3, address="new@caltech.edu")])
        assert seen(channel)["bounce_count"] == 1

    def test_one_that_is_brought_back_counts_no_bounce_from_before(self) -> None:
        user = make_user()
        channel = make_channel(user, ADDRESS)
        apply([event(0), event(2)])
        CommunicationChannel.objects.update(workflow_state="retired", retired_at=timezone.now())
        with transaction.atomic():
            imported.ensure_active_email(user, ADDRESS, institutional=False)
        assert "bounce_count" not in seen(channel)
        apply([event(4)])
        assert "bounce_count" not in seen(channel)
        with transaction.atomic():
            bounces.record([Report(Kind.PERMANENT, ADDRESS, None, "")], timezone.now())
        assert seen(channel)["bounce_count"] == 1
