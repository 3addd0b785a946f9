"""What all webhooks share: their secret, their errors, that they write a row and a job and answer at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob
from pytest_django import Settings

from channels_api.models import CommunicationChannel
from notifications import tasks
from notifications.webhooks import events
from notifications.webhooks.models import WebhookEvent
from tests.factories import make_channel, make_user
from tests.notifications.providers import SECRET, SnsSigner, basic, post
from tests.notifications.services import jobs, make_due, run_worker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("webhooks")]

PROVIDERS = ["amazon_ses", "amazon_sns", "mailgun", "postmark", "sendgrid"]
BOUNCE = {"RecordType": "Bounce", "Type": "HardBounce", "Email": "a@b.edu", "Details": "550 no", "ID": 1}
DEEP = b'{"a": ' + b"[" * 300 + b"]" * 300 + b"}"  # more than can be written
UNAUTHENTICATED = "The webhook's secret is missing or wrong."


def message_of(response: Any) -> str:
    return str(response.json()["errors"][0]["message"])


class TestSecrets:
    @pytest.mark.parametrize("provider", PROVIDERS)
    @pytest.mark.parametrize("secret", [None, "webhooks:wrong-secret-0000", "", "ümlaut:ß", SECRET + "x"])
    def test_nothing_is_stored_without_one(self, provider: str, secret: str | None) -> None:
        response = post(provider, BOUNCE, secret=secret)
        assert (response.status_code, message_of(response)) == (401, UNAUTHENTICATED)
        assert response["WWW-Authenticate"] == 'Basic realm="webhooks"'
        assert not WebhookEvent.objects.exists()

    @pytest.mark.parametrize("header", ["Basic", "Basic !", "Bearer x", "Basic dw==", "x" * 5000])
    def test_a_header_that_is_none_is_refused(self, header: str) -> None:
        assert post("postmark", BOUNCE, secret=None, authorization=header).status_code == 401

    def test_several_at_once_for_a_change(self, settings: Settings) -> None:
        settings.WEBHOOK_SECRETS = [SECRET, "webhooks:the-next-secret0"]
        assert post("postmark", BOUNCE, secret="webhooks:the-next-secret0").status_code == 200
        assert post("postmark", BOUNCE).status_code == 200

    @pytest.mark.parametrize("provider", PROVIDERS)
    def test_without_the_setting_there_is_no_such_page(self, provider: str, settings: Settings) -> None:
        settings.WEBHOOK_SECRETS = []
        response = post(provider, BOUNCE)
        assert response.status_code == 404
        assert message_of(response) == "The specified resource does not exist."

    def test_the_secret_of_anymails_own_setting_does_not_count(self, settings: Settings) -> None:
        settings.ANYMAIL = {"WEBHOOK_SECRET": "webhooks:of-anymails-own00"}
        assert post("postmark", BOUNCE, secret="webhooks:of-anymails-own00").status_code == 401


class TestRequests:
    @pytest.mark.parametrize("method", ["get", "head", "put", "delete", "options"])
    def test_only_post(self, method: str) -> None:
        response = getattr(Client(), method)("/webhooks/postmark", headers={"authorization": basic()})
        assert (response.status_code, response["Allow"]) == (405, "POST")

    @pytest.mark.parametrize("path", ["/webhooks/mandrill", "/webhooks/", "/webhooks/postmark/"])
    def test_other_paths_are_404(self, path: str) -> None:
        response = Client().post(path)
        assert response.status_code == 404
        assert message_of(response) == "The specified resource does not exist."

    def test_a_body_of_two_megabytes_is_too_large(self) -> None:
        response = post("postmark", b'"' + b"x" * 2**21 + b'"')
        assert (response.status_code, message_of(response)) == (413, "The request body is too large.")

    @pytest.mark.parametrize("provider", ["amazon_ses", "amazon_sns", "mailgun", "postmark"])
    @pytest.mark.parametrize("body", [b"", b"[]", b"[{}]", b"null", b"\xff", b'{"a": ' + b"[" * 5000, DEEP])
    def test_a_body_that_is_no_event_is_refused(self, provider: str, body: bytes) -> None:
        response = post(provider, body)
        assert response.status_code == 400
        assert message_of(response) == "The request body is no event of this provider."

    def test_one_of_many_events_may_not_be_too_deep_to_be_kept(self) -> None:
        events = b'[{"event": "open", "sg_event_id": "1"}, ' + DEEP + b"]"
        assert post("sendgrid", events).status_code == 400
        assert not WebhookEvent.objects.exists()

    @pytest.mark.parametrize("kind", [1, None, [], {}, "another"])
    @pytest.mark.parametrize("provider", ["amazon_ses", "amazon_sns"])
    def test_a_message_of_another_type_is_refused(self, provider: str, kind: Any) -> None:
        headers = {"x-amz-sns-message-type": str(kind), "x-amz-sns-message-id": "1"}
        response = post(provider, {"Type": kind, "MessageId": "1"}, **headers)
        assert response.status_code in {400, 403}
        assert not WebhookEvent.objects.exists()

    def test_no_session_and_no_csrf_token_is_asked_for(self) -> None:
        client = Client(enforce_csrf_checks=True)
        response = client.post(
            "/webhooks/postmark", BOUNCE, "application/json", headers={"authorization": basic()}
        )
        assert response.status_code == 200
        assert not response.cookies


class TestStoring:
    def test_a_row_and_a_job_and_nothing_else(self) -> None:
        channel = make_channel(make_user(), "a@b.edu")
        assert post("postmark", BOUNCE).json() == {"received": 1}
        event = WebhookEvent.objects.get()
        assert (event.provider, event.workflow_state, event.handled_at) == ("postmark", "received", None)
        job = ProcrastinateJob.objects.get()
        assert (job.task_name, job.args["event_id"]) == ("notifications.handle_webhook_event", event.pk)
        channel.refresh_from_db()
        assert channel.bounce_count == 0

    @pytest.mark.usefixtures("certificate_server")
    def test_a_request_calls_nobody(self, signer: SnsSigner) -> None:
        assert signer.post("amazon_ses", signer.message("x")).status_code == 200
        assert signer.server.asked == []

    def test_no_query_an_event(self, django_assert_max_num_queries: Any, settings: Settings) -> None:
        settings.ANYMAIL = {}
        many = [{"event": "bounce", "sg_event_id": str(number)} for number in range(50)]
        with django_assert_max_num_queries(6):
            assert post("sendgrid", many).json() == {"received": 50}
        assert len(jobs("todo")) == 50

    def test_the_same_event_again_is_neither_stored_nor_handled_again(self) -> None:
        for received in (1, 0):
            assert post("postmark", BOUNCE).json() == {"received": received}
        assert len(jobs("todo")) == 1
        run_worker()
        assert post("postmark", BOUNCE).json() == {"received": 0}
        assert jobs("todo") == []

    def test_the_same_event_at_once_is_stored_once(self) -> None:
        def send(_: int) -> int:
            try:
                return int(post("postmark", BOUNCE).json()["received"])
            finally:
                connection.close()

        with ThreadPoolExecutor(4) as threads:
            assert sum(threads.map(send, range(8))) == 1
        assert len(jobs("todo")) == 1

    def test_two_providers_events_are_two(self, settings: Settings) -> None:
        settings.ANYMAIL = {}
        assert post("postmark", BOUNCE).json() == {"received": 1}
        assert post("sendgrid", [BOUNCE]).json() == {"received": 1}


class TestHandling:
    def test_a_job_that_runs_twice_counts_once(self) -> None:
        channel = make_channel(make_user(), "a@b.edu")
        post("postmark", BOUNCE)
        event = WebhookEvent.objects.get()
        events.handle(event.pk)
        CommunicationChannel.objects.update(last_bounce_at=None)
        events.handle(event.pk)
        channel.refresh_from_db()
        assert channel.bounce_count == 1

    def test_the_mark_and_the_change_are_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A worker that dies between the two leaves neither."""
        post("postmark", BOUNCE)
        channel = make_channel(make_user(), "a@b.edu")
        with connection.cursor() as cursor:
            cursor.execute(
                "ALTER TABLE channels_api_communicationchannel ADD CONSTRAINT broken CHECK (bounce_count = 0)"
            )
        try:
            run_worker()
        finally:
            with connection.cursor() as cursor:
                cursor.execute("ALTER TABLE channels_api_communicationchannel DROP CONSTRAINT broken")
        event = WebhookEvent.objects.get()
        assert (event.workflow_state, event.failure) == ("received", "IntegrityError")
        make_due()
        run_worker()
        event.refresh_from_db()
        channel.refresh_from_db()
        assert (event.workflow_state, event.failure, channel.bounce_count) == ("handled", "", 1)

    def test_no_address_is_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        make_channel(make_user(), "somebody@b.edu")
        with caplog.at_level("DEBUG", "notifications"):
            post("postmark", {**BOUNCE, "Email": "somebody@b.edu"})
            post("postmark", {**BOUNCE, "RecordType": "Bounce", "Email": ["somebody@b.edu"]})
            run_worker()
        told = [f"{record.getMessage()} {vars(record)}" for record in caplog.records]
        assert any("bounce or delivery reported" in line for line in told)
        assert not [line for line in told if "somebody@" in line]


class TestPruning:
    def test_events_are_forgotten_after_some_days(self, settings: Settings) -> None:
        settings.WEBHOOK_EVENT_DAYS = 3
        post("postmark", BOUNCE)
        post("postmark", {**BOUNCE, "ID": 2})
        old = WebhookEvent.objects.earliest("pk")
        WebhookEvent.objects.filter(pk=old.pk).update(received_at=timezone.now() - timedelta(days=3, hours=1))
        tasks.prune.configure().defer(timestamp=0)
        run_worker()
        assert list(WebhookEvent.objects.values_list("pk", flat=True)) == [old.pk + 1]

    def test_never_within_the_replay_window(self) -> None:
        post("postmark", BOUNCE)
        WebhookEvent.objects.update(received_at=timezone.now() - timedelta(hours=2))
        assert events.prune(0) == 0
        WebhookEvent.objects.update(received_at=timezone.now() - timedelta(hours=3))
        assert events.prune(0) == 1
