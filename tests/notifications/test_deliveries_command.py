"""``manage.py deliveries``: what is not delivered and why, and trying it again."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from canvas_channels.core.identity.models import PasswordReset
from channels_api.devices import registration
from channels_api.messages import confirmations
from channels_api.models import (
    CommunicationChannel,
    Confirmation,
    Progress,
    PushDevice,
    SecurityNotice,
)
from notifications import deliveries, tasks
from notifications.dispatches.models import Dispatch
from notifications.webhooks.models import WebhookEvent
from notifications.worker.retry import MAX_TRIES
from tests.commands import refusal, run
from tests.factories import APNS_ARN, make_channel, make_key, make_user
from tests.notifications.services import Sns, always, jobs, make_due, once, refuse, run_worker
from tests.plans import plan_with_only

pytestmark = pytest.mark.django_db(transaction=True)

NUMBER = "+16265550100"
TOKEN = "ab12" * 16
OUTAGE = always("Publish", refuse("InternalFailure", "down", 500))
OPTED_OUT = always("Publish", refuse("OptedOut", "opted out"))


def ask(number: str = NUMBER) -> Confirmation:
    """A confirmation by text message, with its job."""
    assert confirmations.resend(make_channel(make_user(), number, "sms", "unconfirmed"))
    return Confirmation.objects.latest("pk")


def make_device(state: str = "failed", failure: str = "SNS: no", **fields: Any) -> PushDevice:
    return PushDevice.objects.create(
        user=make_user(),
        developer_key=make_key(sns_arn=APNS_ARN),
        token=TOKEN,
        token_digest=registration.digest(TOKEN),
        last_seen_at=timezone.now(),
        workflow_state=state,
        failure=failure,
        **fields,
    )


def make_event(state: str = "failed", failure: str = "it is not as documented") -> WebhookEvent:
    return WebhookEvent.objects.create(
        provider="postmark",
        key="k",
        request_id="0" * 32,
        body='{"RecordType": "Open", "Recipient": "a@b.edu"}',
        workflow_state=state,
        failure=failure,
    )


def fail_job() -> int:
    """A periodic job that failed; its id."""
    job_id = tasks.prune.configure().defer(timestamp=0)
    with connection.cursor() as cursor:  # procrastinate's models are read-only
        cursor.execute("UPDATE procrastinate_jobs SET status = 'failed' WHERE id = %s", [job_id])
    return job_id


def listed(*args: str) -> list[list[str]]:
    return [line.split("\t") for line in run("deliveries", *args).splitlines()]


class TestListing:
    def test_nothing(self) -> None:
        assert listed() == []

    def test_one_that_waits(self) -> None:
        asked = ask()
        [[row_id, state, since, to, reason]] = listed()
        assert (row_id, state, reason) == (f"confirmation:{asked.pk}", "requested", "not tried yet")
        assert since == asked.created_at.isoformat(timespec="seconds")
        assert to.startswith("sms ")
        assert NUMBER not in to

    def test_one_for_an_address_that_is_to_replace_another(self, sns: Sns) -> None:
        channel = make_channel(make_user(), "+16265550155", "sms", pending_address=NUMBER)
        assert confirmations.resend(channel)
        [[row_id, _, _, to, _]] = listed()
        assert to == "sms +1…00"
        sns.script = OPTED_OUT
        run_worker()
        sns.script = None
        run("deliveries", "--retry", row_id)
        run_worker()
        assert [call["PhoneNumber"] for call in sns.calls] == [NUMBER, NUMBER]
        assert listed() == []

    def test_one_that_failed_for_now(self, sns: Sns) -> None:
        ask()
        sns.script = OUTAGE
        run_worker()
        assert [(row[1], row[4]) for row in listed()] == [("requested", "SNS: InternalFailure: down")]

    def test_one_that_failed_for_good(self, sns: Sns) -> None:
        ask()
        sns.script = OPTED_OUT
        run_worker()
        assert [(row[1], row[4]) for row in listed()] == [("failed", "SNS: OptedOut: opted out")]

    def test_one_that_used_up_its_tries(self, sns: Sns) -> None:
        asked = ask()
        sns.script = OUTAGE
        make_due(attempts=MAX_TRIES - 1)
        run_worker()
        asked.refresh_from_db()
        assert (asked.workflow_state, asked.failure) == ("failed", "SNS: InternalFailure: down")

    @pytest.mark.parametrize("state", ["active", "retired"])
    def test_none_that_is_of_no_use_any_more(self, state: str) -> None:
        ask()
        CommunicationChannel.objects.update(workflow_state=state)
        assert listed() == []

    @pytest.mark.parametrize(
        ("state", "failure", "is_listed"),
        [
            ("pending", "", True),
            ("failed", "SNS: no", True),
            ("removed", "SNS: AuthorizationError", True),
            ("registered", "", False),
            ("removed", "", False),
        ],
    )
    def test_devices(self, state: str, failure: str, is_listed: bool) -> None:
        device = make_device(state, failure)
        assert [row[0] for row in listed()] == ([f"device:{device.pk}"] if is_listed else [])

    def test_events(self) -> None:
        event = make_event()
        [[row_id, state, _, to, reason]] = listed()
        assert (row_id, state, to) == (f"event:{event.pk}", "failed", "postmark")
        assert reason == "it is not as documented"

    def test_handled_events_are_not_listed(self) -> None:
        make_event("handled", "")
        assert listed() == []

    def test_failed_jobs_that_have_no_row(self) -> None:
        job_id = fail_job()
        [[row_id, state, _, to, _]] = listed()
        assert (row_id, state, to) == (f"job:{job_id}", "failed", "notifications.prune")

    def test_a_job_whose_row_is_listed_is_not(self, sns: Sns) -> None:
        ask()
        sns.script = OPTED_OUT
        run_worker()
        assert jobs("failed") == ["notifications.send_confirmation"]
        assert len(listed()) == 1

    def test_the_newest_of_each_kind(self) -> None:
        asked = [ask(f"+1626555010{number}") for number in range(3)]
        event = make_event()
        found = [row[0] for row in listed("--limit", "1")]
        assert found == [f"confirmation:{asked[2].pk}", f"event:{event.pk}"]

    def test_no_secret_is_shown_and_a_row_has_one_line(self) -> None:
        make_device(failure="two\nlines\tand a tab")
        out = run("deliveries")
        assert TOKEN not in out
        assert out.endswith("\ttwo lines and a tab\n")

    def test_one_query_a_kind(self, django_assert_num_queries: Any) -> None:
        for number in range(3):
            ask(f"+1626555010{number}")
        with django_assert_num_queries(9):
            deliveries.undelivered(100)

    @pytest.mark.parametrize(
        ("rows", "index"),
        [
            (Confirmation.objects.undelivered(), "confirmation_unsent"),
            (SecurityNotice.objects.undelivered(), "announcement_unsent"),
            (PasswordReset.objects.undelivered(), "password_reset_unsent"),
            (PushDevice.objects.undelivered(), "device_out_of_line"),
            (WebhookEvent.objects.undelivered(), "webhook_event_unhandled"),
            (Dispatch.objects.undelivered(), "dispatch_undecided"),
            (Progress.objects.undelivered(), "progress_undone"),
        ],
    )
    def test_what_is_listed_is_found_by_an_index(self, rows: Any, index: str) -> None:
        assert f"using {index}" in plan_with_only(index, rows.order_by("-pk")[:9])


class TestRetryingOne:
    def test_a_confirmation(self, sns: Sns) -> None:
        asked = ask()
        sns.script = OPTED_OUT
        run_worker()
        sns.script = None
        name = f"confirmation:{asked.pk}"
        assert run("deliveries", "--retry", name) == f"Asked again for {name}.\n"
        asked.refresh_from_db()
        assert (asked.workflow_state, asked.failure) == ("requested", "")
        run_worker()
        asked.refresh_from_db()
        assert asked.workflow_state == "sent"
        assert listed() == []

    def test_a_device(self, sns: Sns) -> None:
        made = sns.client().create_platform_application(Name="Student", Platform="APNS", Attributes={})
        assert made["PlatformApplicationArn"] == APNS_ARN
        device = make_device()
        run("deliveries", "--retry", f"device:{device.pk}")
        run_worker()
        device.refresh_from_db()
        assert (device.workflow_state, device.failure) == ("registered", "")

    @pytest.mark.usefixtures("webhooks")
    def test_an_event(self) -> None:
        event = make_event()
        run("deliveries", "--retry", f"event:{event.pk}")
        run_worker()
        event.refresh_from_db()
        assert (event.workflow_state, event.failure) == ("handled", "")

    def test_a_job(self) -> None:
        job_id = fail_job()
        run("deliveries", "--retry", f"job:{job_id}")
        assert jobs("todo") == ["notifications.prune"]
        run_worker()
        assert jobs("failed") == []

    def test_a_job_that_waits_already_is_not_asked_for_twice(self) -> None:
        job_id = fail_job()
        tasks.prune.configure().defer(timestamp=1)
        assert "cannot be tried again" in refusal("deliveries", "--retry", f"job:{job_id}")
        assert jobs("todo") == ["notifications.prune"]

    @pytest.mark.parametrize("state", ["sent", "used", "replaced"])
    def test_none_that_is_done(self, state: str) -> None:
        asked = ask()
        Confirmation.objects.update(workflow_state=state)
        assert "cannot be tried again" in refusal("deliveries", "--retry", f"confirmation:{asked.pk}")

    def test_none_to_an_address_that_bounced(self) -> None:
        asked = ask()
        CommunicationChannel.objects.update(bounce_count=1, last_bounce_at=timezone.now())
        assert Confirmation.objects.retry([asked.pk]) == 0
        CommunicationChannel.objects.update(last_bounce_at=timezone.now() - timedelta(days=8))
        assert Confirmation.objects.retry([asked.pk]) == 1

    @pytest.mark.parametrize("row_id", ["confirmation:9", "device:9", "event:9", "job:9"])
    def test_none_that_does_not_exist(self, row_id: str) -> None:
        assert refusal("deliveries", "--retry", row_id).startswith(f"{row_id} cannot be tried again")

    @pytest.mark.parametrize(
        "given",
        ["", "1", "confirmation", "confirmation:", "confirmation:x", "job:²", "x:1", "job:" + "9" * 30],
    )
    def test_what_is_no_id(self, given: str) -> None:
        assert refusal("deliveries", "--retry", given).startswith("--retry takes all, or an id as listed")


class TestRetryingAll:
    def test_all_that_failed_of_each_kind(self, sns: Sns) -> None:
        for number in range(2):
            ask(f"+1626555010{number}")
        sns.script = OUTAGE
        run_worker()
        make_device()
        make_event()
        fail_job()
        out = run("deliveries", "--retry", "all")
        assert out == "Asked again for 2 confirmations, 1 device, 1 event, 1 job.\n"

    def test_what_was_not_tried_yet_has_its_job_already(self) -> None:
        ask()
        make_device("pending", "")
        assert run("deliveries", "--retry", "all") == "Asked again for nothing: nothing failed.\n"
        assert len(jobs("todo")) == 1

    def test_more_than_a_batch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(deliveries, "_AT_ONCE", 2)
        for number in range(5):
            ask(f"+1626555010{number}")
        Confirmation.objects.update(workflow_state="failed", failure="no")
        assert deliveries.retry_all()["confirmation"] == 5
        assert not Confirmation.objects.exclude(workflow_state="requested").exists()

    def test_a_message_is_sent_once_however_often_it_is_asked_for(self, sns: Sns) -> None:
        ask()
        sns.script = once("Publish", refuse("InternalFailure", "down", 500))
        run_worker()
        run("deliveries", "--retry", "all")
        make_due()
        run_worker()
        assert sns.actions() == ["Publish", "Publish"]  # the first was refused
