"""Work that a job does part by part, fan-outs and bulk actions: it says why it failed, and goes on later."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from procrastinate.contrib.django.models import ProcrastinateJob

from canvas_channels.core.identity.models import User
from canvas_channels.operations.exposition import QueueCollector
from channels_api.accounts import imports
from channels_api.models import CommunicationChannel, ImportRow, Progress
from notifications import deliveries
from notifications.deciding import fan_out
from notifications.dispatches.models import Dispatch
from notifications.worker import turns
from notifications.worker.retry import MAX_TRIES
from tests.api.conftest import ApiClient
from tests.commands import refusal, run
from tests.factories import (
    default_account,
    load_catalogue,
    make_admin,
    make_channel,
    make_dispatch,
    make_site_admin,
    make_token,
    make_user,
)
from tests.notifications.services import jobs, make_due, run_worker

pytestmark = pytest.mark.django_db(transaction=True)

NOTIFICATIONS = "/accounts/self/notifications"
IMPORT = "/accounts/self/communication_channels/import"
RECIPIENTS = 5


@pytest.fixture
def admin() -> User:
    load_catalogue()
    return make_admin()


@pytest.fixture
def api(admin: User) -> ApiClient:
    return ApiClient(make_token(admin))


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(make_site_admin(is_staff=True, is_superuser=True))
    return client


def fail_for_good() -> None:
    """The last try of what waits."""
    make_due(attempts=MAX_TRIES - 1)
    run_worker()
    assert jobs("todo") == []


def refused() -> list[tuple[str, str, float]]:
    """What the metrics say was refused."""
    metrics = {metric.name: metric for metric in QueueCollector().collect()}
    samples = metrics["canvas_channels_undelivered"].samples
    return [(sample.labels["kind"], sample.labels["state"], sample.value) for sample in samples]


def listed() -> list[list[str]]:
    return [line.split("\t") for line in run("deliveries").splitlines()]


def retry_in_admin(operator: Client, page: str, row_id: int) -> str:
    form = {"action": "retry", "_selected_action": [row_id]}
    return operator.post(reverse(f"admin:{page}_changelist"), form, follow=True).text


class TestFanOut:
    @pytest.fixture
    def dispatch(self, admin: User, mailbox: list[Any], monkeypatch: pytest.MonkeyPatch) -> Dispatch:
        """It failed for good after the first of its three batches, and is mended."""
        monkeypatch.setattr(fan_out, "BATCH", 2)
        users = [make_user() for _ in range(RECIPIENTS)]
        for number, user in enumerate(users):
            make_channel(user, f"n{number}@example.edu")
        dispatch = make_dispatch(
            default_account(), recipients=users, recipients_count=RECIPIENTS, workflow_state="queued"
        )
        assert fan_out.step(dispatch.pk)
        Dispatch.objects.update(withheld={"preference": "many"})
        Dispatch.job.ask([dispatch.pk])
        fail_for_good()
        Dispatch.objects.update(withheld={})
        dispatch.refresh_from_db()
        return dispatch

    def expect_everybody_told_once(self, dispatch: Dispatch, mailbox: list[Any]) -> None:
        run_worker()
        dispatch.refresh_from_db()
        assert (dispatch.workflow_state, dispatch.failure) == ("completed", "")
        assert dispatch.completed_at is not None
        assert sorted(mail["to"] for mail in mailbox) == [f"n{n}@example.edu" for n in range(RECIPIENTS)]
        assert (listed(), refused()) == ([], [])

    def test_it_keeps_its_reason_and_what_was_decided(self, dispatch: Dispatch, mailbox: list[Any]) -> None:
        assert (dispatch.workflow_state, dispatch.failure) == ("failed", "TypeError")
        assert len(mailbox) == 2
        assert dispatch.recipients.filter(decided=True).count() == 2

    def test_it_is_listed_once_and_counted(self, dispatch: Dispatch) -> None:
        [[row_id, state, since, to, reason]] = listed()
        assert (row_id, state, reason) == (f"dispatch:{dispatch.pk}", "failed", "TypeError")
        assert since == dispatch.created_at.isoformat(timespec="seconds")
        assert to == f"{RECIPIENTS} recipients of account {dispatch.account_id}"
        assert refused() == [("dispatch", "failed", 1)]

    @pytest.mark.parametrize("which", ["dispatch:{}", "all"])
    def test_a_retry_tells_the_others(self, dispatch: Dispatch, mailbox: list[Any], which: str) -> None:
        run("deliveries", "--retry", which.format(dispatch.pk))
        self.expect_everybody_told_once(dispatch, mailbox)

    def test_so_does_one_in_the_admin(self, dispatch: Dispatch, mailbox: list[Any], operator: Client) -> None:
        assert "Asked for 1 dispatch." in retry_in_admin(operator, "notifications_dispatch", dispatch.pk)
        self.expect_everybody_told_once(dispatch, mailbox)

    def test_by_its_job_too(self, dispatch: Dispatch, mailbox: list[Any]) -> None:
        [job] = ProcrastinateJob.objects.filter(status="failed")
        assert deliveries.run_again(job)
        self.expect_everybody_told_once(dispatch, mailbox)

    def test_one_that_is_done_is_not_tried_again(self, dispatch: Dispatch, mailbox: list[Any]) -> None:
        name = f"dispatch:{dispatch.pk}"
        run("deliveries", "--retry", name)
        run_worker()
        assert "cannot be tried again" in refusal("deliveries", "--retry", name)
        assert len(mailbox) == RECIPIENTS

    def test_clients_see_it_as_one_that_waits(self, dispatch: Dispatch, api: ApiClient) -> None:
        shown = api.call("GET", f"{NOTIFICATIONS}/{dispatch.pk}").json()
        assert (shown["workflow_state"], shown["completed_at"], shown["counts"]["sent"]) == (
            "queued",
            None,
            2,
        )
        assert [row["workflow_state"] for row in api.call("GET", NOTIFICATIONS).json()] == ["queued"]

    def test_it_can_be_cancelled(self, dispatch: Dispatch, api: ApiClient, mailbox: list[Any]) -> None:
        shown = api.call("DELETE", f"{NOTIFICATIONS}/{dispatch.pk}").json()
        assert shown["workflow_state"] == "cancelled"
        assert "cannot be tried again" in refusal("deliveries", "--retry", f"dispatch:{dispatch.pk}")
        assert (listed(), refused()) == ([], [])
        run_worker()
        assert len(mailbox) == 2


class TestBulkActions:
    @pytest.fixture
    def started(self, api: ApiClient) -> int:
        """An import whose second row cannot be done."""
        row = {"user_id": make_user().pk, "type": "email", "skip_confirmation": True}
        body = {"communication_channels": [row | {"address": f"a{n}@example.edu"} for n in range(3)]}
        started: int = api.call("POST", IMPORT, json=body).json()["id"]
        ImportRow.objects.filter(number=2).update(data={})
        return started

    def shown(self, api: ApiClient, progress_id: int) -> dict[str, Any]:
        return dict(api.call("GET", f"/progress/{progress_id}").json())

    def test_one_that_failed_for_now(self, api: ApiClient, started: int) -> None:
        before = Progress.objects.get().updated_at
        run_worker()
        shown = self.shown(api, started)
        assert (shown["workflow_state"], shown["message"]) == ("queued", "KeyError")
        assert "results" not in shown
        assert Progress.objects.get().updated_at > before
        assert [row[0:2] + row[3:] for row in listed()] == [
            [
                *(f"progress:{started}", "queued"),
                f"communication_channel_import of account {default_account().pk}",
                "KeyError",
            ]
        ]
        assert refused() == [("progress", "queued", 1)]

    def test_one_that_had_begun_is_still_running(
        self, api: ApiClient, started: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(imports, "BATCH", 1)
        run_worker()
        shown = self.shown(api, started)
        assert (shown["workflow_state"], shown["completion"], shown["message"]) == ("running", 33, "KeyError")

    def test_its_message_is_how_far_it_is_once_it_goes_on(self, api: ApiClient, started: int) -> None:
        run_worker()
        row = ImportRow.objects.get(number=3)
        ImportRow.objects.filter(number=2).update(data=row.data | {"address": "b@example.edu"})
        run("deliveries", "--retry", f"progress:{started}")
        run_worker()
        shown = self.shown(api, started)
        assert (shown["workflow_state"], shown["message"]) == ("completed", "3 of 3 rows done, 0 failed")
        assert listed() == []

    def test_an_import_that_failed_for_good_forgets_the_rest_and_is_not_tried_again(
        self, api: ApiClient, started: int, operator: Client
    ) -> None:
        fail_for_good()
        shown = self.shown(api, started)
        assert (shown["workflow_state"], shown["message"]) == ("failed", "KeyError")
        assert [result["status"] for result in shown["results"]] == ["created", "failed", "failed"]
        assert shown["results"][1]["errors"] == [
            {
                "attribute": "row",
                "type": "abandoned",
                "message": "was not done: the import ended before it",
            }
        ]
        assert all(row.data == {} for row in ImportRow.objects.all())
        assert [row[:2] for row in listed()] == [[f"progress:{started}", "failed"]]
        assert refused() == [("progress", "failed", 1)]
        assert "cannot be tried again" in refusal("deliveries", "--retry", f"progress:{started}")
        assert run("deliveries", "--retry", "all") == "Asked again for nothing: nothing failed.\n"
        assert "Asked for 0 progress." in retry_in_admin(operator, "channels_api_progress", started)
        assert self.shown(api, started) == shown

    def test_a_reset_that_failed_for_good_is_done_when_it_is_tried_again(self, admin: User) -> None:
        channel = make_channel(make_user(), bounce_count=2)
        details = {"channel_ids": [channel.pk]}
        row = Progress.objects.create(account=default_account(), user=admin, tag="bounce_count_reset")
        Progress.job.ask([row.pk])
        fail_for_good()
        row.refresh_from_db()
        assert (row.workflow_state, row.failure) == ("failed", "KeyError")
        Progress.objects.update(details=details)
        assert run("deliveries", "--retry", "all") == "Asked again for 1 progress.\n"
        run_worker()
        row.refresh_from_db()
        assert (row.workflow_state, row.failure, row.message) == ("completed", "", "1 bounce counts reset")
        assert CommunicationChannel.objects.get(pk=channel.pk).bounce_count == 0

    def test_why_one_failed_in_the_version_before_is_still_shown(self, api: ApiClient, admin: User) -> None:
        row = Progress.objects.create(
            account=default_account(),
            user=admin,
            tag="communication_channel_import",
            workflow_state="failed",
            message="KeyError",
        )
        assert self.shown(api, row.pk)["message"] == "KeyError"
        assert refused() == []

    def test_a_job_that_takes_long_leaves_the_rest_to_another(
        self, started: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(imports, "BATCH", 1)
        monkeypatch.setattr(turns, "LONG", 0.0)
        ImportRow.objects.filter(number=2).delete()
        run_worker()
        assert Progress.objects.get().workflow_state == "completed"
        done = ProcrastinateJob.objects.filter(task_name=Progress.job.name).values_list("priority", "status")
        assert list(done) == [(0, "succeeded")] * 2
