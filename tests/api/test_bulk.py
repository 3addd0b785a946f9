"""The bulk actions, and the reset of one channel's bounce count."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from canvas_channels.core.identity.models import User
from channels_api.accounts import progress
from channels_api.models import AuditEntry, CommunicationChannel, Confirmation, Progress
from tests.api.conftest import ApiClient
from tests.api.test_query_counts import statements
from tests.factories import default_account, make_account, make_channel, make_site_admin, make_user
from tests.notifications.services import do_all, jobs, run_worker

RESET = "/accounts/self/bouncing_communication_channels/reset"
CONFIRM = "/accounts/self/unconfirmed_communication_channels/confirm"


@pytest.fixture
def boss(db: None) -> User:
    default_account()
    return make_site_admin()


@pytest.fixture
def site_admin(boss: User, as_user: Callable[..., ApiClient]) -> ApiClient:
    return as_user(boss)


def bouncing(**fields: Any) -> CommunicationChannel:
    return make_channel(make_user(), bounce_count=3, last_bounce_at=timezone.now(), **fields)


def unconfirmed(address: str | None = None) -> CommunicationChannel:
    return make_channel(make_user(), address, workflow_state="unconfirmed")


def count_of(channel: CommunicationChannel) -> int:
    channel.refresh_from_db()
    return channel.bounce_count


class TestResetOfOne:
    def test_sets_the_count_to_0_and_answers_the_channel(self, site_admin: ApiClient, boss: User) -> None:
        channel = bouncing(last_bounce_summary="no such user")
        answer = site_admin.call("POST", f"/users/{channel.user_id}/communication_channels/{channel.pk}")
        assert (answer.json()["id"], answer.json()["bounce_count"]) == (channel.pk, 0)
        assert answer.json()["last_bounce_summary"] == "no such user"
        assert count_of(channel) == 0
        entry = AuditEntry.objects.get()
        assert (entry.action, entry.actor, entry.channel) == ("reset_bounce_count", boss, channel)

    def test_one_that_never_bounced_is_left(self, site_admin: ApiClient) -> None:
        channel = make_channel(make_user())
        answer = site_admin.call("POST", f"/users/{channel.user_id}/communication_channels/{channel.pk}")
        assert answer.json()["bounce_count"] == 0
        assert not AuditEntry.objects.exists()

    def test_one_that_is_not_there(self, site_admin: ApiClient) -> None:
        retired = bouncing(workflow_state="retired")
        for user, channel in ((retired.user_id, retired.pk), (make_user().pk, bouncing().pk)):
            path = f"/users/{user}/communication_channels/{channel}"
            assert site_admin.call("POST", path).status_code == 404
        assert count_of(retired) == 3


class TestResetOfMany:
    def test_is_done_in_the_queue(self, site_admin: ApiClient, boss: User) -> None:
        channels = [bouncing(), bouncing()]
        make_channel(make_user())
        assert site_admin.call("POST", RESET).json() == {"scheduled_reset_approximate_count": 2}
        assert [count_of(channel) for channel in channels] == [3, 3]
        do_all(progress.step, Progress.objects.get().pk)
        assert [count_of(channel) for channel in channels] == [0, 0]
        assert Progress.objects.get().workflow_state == "completed"
        assert set(AuditEntry.objects.values_list("action", "actor")) == {("reset_bounce_count", boss.pk)}

    def test_filters_choose(self, site_admin: ApiClient) -> None:
        mine, other = bouncing(address="a@here.example"), bouncing(address="a@there.example")
        answer = site_admin.call("POST", RESET, "pattern=*@here.example")
        assert answer.json() == {"scheduled_reset_approximate_count": 1}
        do_all(progress.step, Progress.objects.get().pk)
        assert (count_of(mine), count_of(other)) == (0, 3)

    @pytest.mark.parametrize("form", ["before=yesterday", "pattern[]=a", "path_type=fax", "before[x]=1"])
    def test_a_bad_filter_does_nothing(self, site_admin: ApiClient, form: str) -> None:
        bouncing()
        assert site_admin.call("POST", RESET, form).status_code == 400
        assert not Progress.objects.exists()

    def test_what_bounces_later_stays(self, site_admin: ApiClient) -> None:
        channel = bouncing()
        site_admin.call("POST", RESET)
        CommunicationChannel.objects.update(last_bounce_at=timezone.now() + timedelta(minutes=1))
        do_all(progress.step, Progress.objects.get().pk)
        assert count_of(channel) == 3

    def test_again_is_harmless(self, site_admin: ApiClient) -> None:
        bouncing()
        site_admin.call("POST", RESET)
        for _ in range(2):
            do_all(progress.step, Progress.objects.get().pk)
        assert AuditEntry.objects.count() == 1

    def test_nothing_to_do_is_no_job(self, site_admin: ApiClient) -> None:
        assert site_admin.call("POST", RESET).json() == {"scheduled_reset_approximate_count": 0}
        assert not Progress.objects.exists()

    def test_another_accounts_channels_are_left(self, site_admin: ApiClient) -> None:
        channel = make_channel(make_user(account=make_account()), bounce_count=1)
        assert site_admin.call("POST", RESET).json() == {"scheduled_reset_approximate_count": 0}
        assert count_of(channel) == 1

    def test_statements_do_not_grow(self, site_admin: ApiClient) -> None:
        def reset() -> None:
            site_admin.call("POST", RESET)
            do_all(progress.step, Progress.objects.latest("pk").pk)

        bouncing()
        few = len(statements(reset))
        for _ in range(20):
            bouncing()
        assert len(statements(reset)) == few


class TestConfirmingMany:
    def test_makes_them_active_without_a_message(self, site_admin: ApiClient, boss: User) -> None:
        channels = [unconfirmed(), unconfirmed("+16265550100")]
        make_channel(make_user())
        assert site_admin.call("POST", CONFIRM, "with_invalid_paths=1").json() == {"confirmed_count": 2}
        for channel in channels:
            channel.refresh_from_db()
            assert channel.workflow_state == "active"
        assert not Confirmation.objects.exists()
        assert set(AuditEntry.objects.values_list("action", "actor")) == {("confirm", boss.pk)}

    def test_filters_choose(self, site_admin: ApiClient) -> None:
        unconfirmed("a@here.example")
        other = unconfirmed("a@there.example")
        assert site_admin.call("POST", CONFIRM, "pattern=*@here.*").json() == {"confirmed_count": 1}
        other.refresh_from_db()
        assert other.workflow_state == "unconfirmed"

    def test_a_bad_filter_does_nothing(self, site_admin: ApiClient) -> None:
        channel = unconfirmed()
        assert site_admin.call("POST", CONFIRM, "after=never").status_code == 400
        channel.refresh_from_db()
        assert channel.workflow_state == "unconfirmed"

    def test_statements_do_not_grow(self, site_admin: ApiClient) -> None:
        unconfirmed()
        few = len(statements(lambda: site_admin.call("POST", CONFIRM)))
        for _ in range(20):
            unconfirmed()
        assert len(statements(lambda: site_admin.call("POST", CONFIRM))) == few


@pytest.mark.django_db(transaction=True)
def test_a_worker_does_the_reset(as_user: Callable[..., ApiClient]) -> None:
    default_account()
    channel = bouncing()
    as_user(make_site_admin()).call("POST", RESET)
    run_worker()
    assert "notifications.run_progress" in jobs("succeeded")  # beside those of other tests
    assert count_of(channel) == 0
