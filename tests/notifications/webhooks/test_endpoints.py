"""What SNS tells of platform endpoints, by signed messages of a topic.

Payloads: https://docs.aws.amazon.com/sns/latest/dg/application-event-notifications.html.
"""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from canvas_channels.core.identity.callers import Caller, find_subject
from channels_api.devices import registration
from channels_api.models import PushDevice
from notifications.webhooks import endpoints
from notifications.webhooks.models import WebhookEvent
from tests.factories import make_key, make_user
from tests.notifications.providers import SnsSigner
from tests.notifications.services import Sns, always, refuse, run_worker, sync_device
from tests.plans import plan_with_only

pytestmark = pytest.mark.django_db(transaction=True)

TOKEN = "AB12" * 16


@pytest.fixture
def operator(sns: Sns) -> Any:
    return sns.client()


@pytest.fixture
def device(sns: Sns, operator: Any) -> PushDevice:
    """One that SNS knows."""
    made = operator.create_platform_application(Name="Student", Platform="APNS", Attributes={})
    device = PushDevice.objects.create(
        user=make_user(),
        developer_key=make_key(sns_arn=made["PlatformApplicationArn"]),
        token=TOKEN,
        token_digest=registration.digest(TOKEN),
        last_seen_at=timezone.now() - timedelta(days=1),
    )
    sync_device(device.pk)
    device.refresh_from_db()
    sns.calls.clear()
    return device


def event(device: PushDevice, kind: str, **fields: Any) -> dict[str, Any]:
    return {
        "EventType": kind,
        "EndpointArn": device.endpoint_arn,
        "Resource": device.developer_key.sns_arn,
        "Service": "SNS",
        "Time": timezone.now().isoformat(),
        **fields,
    }


def failure(device: PushDevice, kind: str, **fields: Any) -> dict[str, Any]:
    return event(
        device,
        "DeliveryFailure",
        FailureType=kind,
        FailureMessage="words of SNS",
        DeliveryAttempts=1,
        MessageId="6d5b21a2-9a2b-54a9-9d11-7af8bfb2f9ea",
        **fields,
    )


def handle(signer: SnsSigner, what: Any, device: PushDevice | None = None) -> WebhookEvent:
    """Post it and let a worker do all that follows."""
    assert signer.post("amazon_sns", signer.message(what)).status_code == 200
    run_worker()
    if device:
        device.refresh_from_db()
    return WebhookEvent.objects.latest("pk")


def test_a_deleted_endpoint_is_made_again(
    signer: SnsSigner, sns: Sns, operator: Any, device: PushDevice
) -> None:
    lost = device.endpoint_arn
    operator.delete_endpoint(EndpointArn=lost)
    handle(signer, event(device, "EndpointDeleted"), device)
    assert device.workflow_state == "registered"
    assert device.endpoint_arn != lost
    assert operator.get_endpoint_attributes(EndpointArn=device.endpoint_arn)["Attributes"]["Token"] == TOKEN


def test_news_of_a_deletion_that_is_old_changes_nothing(
    signer: SnsSigner, sns: Sns, device: PushDevice
) -> None:
    kept = device.endpoint_arn
    handle(signer, event(device, "EndpointDeleted"), device)
    assert (device.workflow_state, device.endpoint_arn) == ("registered", kept)
    assert sns.actions() == ["GetEndpointAttributes"]


def test_a_removed_device_is_not_made_again(signer: SnsSigner, sns: Sns, device: PushDevice) -> None:
    PushDevice.objects.update(workflow_state="removed")
    handle(signer, event(device, "EndpointDeleted"), device)
    assert (device.workflow_state, sns.calls) == ("removed", [])


def test_an_endpoint_that_was_disabled_marks_the_device(
    signer: SnsSigner, operator: Any, device: PushDevice
) -> None:
    operator.set_endpoint_attributes(EndpointArn=device.endpoint_arn, Attributes={"Enabled": "false"})
    attributes = {"Enabled": "false"}
    handle(signer, event(device, "EndpointUpdated", Attributes=attributes), device)
    assert device.workflow_state == "failed"
    assert "SNS disabled the endpoint" in device.failure


def test_another_owner_is_put_right(signer: SnsSigner, operator: Any, device: PushDevice) -> None:
    operator.set_endpoint_attributes(EndpointArn=device.endpoint_arn, Attributes={"CustomUserData": "x"})
    handle(signer, event(device, "EndpointUpdated"), device)
    found = operator.get_endpoint_attributes(EndpointArn=device.endpoint_arn)["Attributes"]
    assert found["CustomUserData"] == str(device.user_id)


def test_an_update_of_an_endpoint_that_is_gone_makes_it_again(
    signer: SnsSigner, operator: Any, device: PushDevice
) -> None:
    lost = device.endpoint_arn
    operator.delete_endpoint(EndpointArn=lost)
    handle(signer, event(device, "EndpointUpdated"), device)
    assert device.workflow_state == "registered"
    assert device.endpoint_arn != lost


@pytest.mark.parametrize("kind", ["InvalidPlatformToken", "EndpointDisabled"])
def test_a_dead_token_marks_the_device_without_a_call(
    kind: str, signer: SnsSigner, sns: Sns, device: PushDevice
) -> None:
    handle(signer, failure(device, kind), device)
    assert (device.workflow_state, sns.calls) == ("failed", [])
    assert kind in device.failure


def test_a_device_heard_of_since_is_looked_at(signer: SnsSigner, sns: Sns, device: PushDevice) -> None:
    long_ago = (timezone.now() - timedelta(days=2)).isoformat()
    handle(signer, failure(device, "EndpointDisabled", Time=long_ago), device)
    assert device.workflow_state == "registered"
    assert "GetEndpointAttributes" in sns.actions()


class TestOrder:
    """Events may come late, and in any order: none undoes what is known to be newer."""

    @pytest.fixture
    def before(self, device: PushDevice) -> str:
        """Before SNS was last found in line, as after a retry: its app was not heard of since."""
        assert device.synced_at is not None
        assert device.last_seen_at < device.synced_at
        return (device.synced_at - timedelta(minutes=1)).isoformat()

    @pytest.mark.parametrize("kind", ["InvalidPlatformToken", "EndpointDisabled"])
    def test_a_dead_token_of_before_is_not_believed(
        self, kind: str, before: str, signer: SnsSigner, sns: Sns, device: PushDevice
    ) -> None:
        handle(signer, failure(device, kind, Time=before), device)
        assert (device.workflow_state, device.failure) == ("registered", "")
        assert "GetEndpointAttributes" in sns.actions()

    def test_it_is_where_sns_says_so_still(
        self, before: str, signer: SnsSigner, operator: Any, device: PushDevice
    ) -> None:
        operator.set_endpoint_attributes(EndpointArn=device.endpoint_arn, Attributes={"Enabled": "false"})
        handle(signer, failure(device, "EndpointDisabled", Time=before), device)
        assert device.workflow_state == "failed"

    def test_a_deletion_of_before_leaves_it_registered_while_sns_is_away(
        self, before: str, signer: SnsSigner, sns: Sns, device: PushDevice
    ) -> None:
        sns.script = always("GetEndpointAttributes", refuse("InternalFailure", "down", 500))
        handle(signer, event(device, "EndpointDeleted", Time=before), device)
        assert device.workflow_state == "registered"

    def test_a_deletion_of_after_leaves_it_pending_while_sns_is_away(
        self, signer: SnsSigner, sns: Sns, device: PushDevice
    ) -> None:
        sns.script = always("GetEndpointAttributes", refuse("InternalFailure", "down", 500))
        handle(signer, event(device, "EndpointDeleted"), device)
        assert device.workflow_state == "pending"

    @pytest.mark.parametrize("time", [None, "2999-01-01T00:00:00Z"])
    def test_without_a_time_or_with_one_yet_to_come_it_is_of_when_it_came(
        self, time: str | None, signer: SnsSigner, device: PushDevice
    ) -> None:
        """It waited for a worker, and the device registered meanwhile."""
        told = signer.message(failure(device, "EndpointDisabled", Time=time))
        assert signer.post("amazon_sns", told).status_code == 200
        sync_device(device.pk)
        run_worker()
        device.refresh_from_db()
        assert device.workflow_state == "registered"

    @pytest.mark.parametrize("gone", [False, True])
    def test_a_look_at_sns_is_older_than_what_a_job_does_meanwhile(
        self, gone: bool, sns: Sns, operator: Any, device: PushDevice
    ) -> None:
        if gone:
            operator.delete_endpoint(EndpointArn=device.endpoint_arn)
        else:
            operator.set_endpoint_attributes(EndpointArn=device.endpoint_arn, Attributes={"Enabled": "false"})
        change = endpoints.read(json.dumps(event(device, "EndpointUpdated")), timezone.now())
        sync_device(device.pk)
        with transaction.atomic():
            change()
        device.refresh_from_db()
        assert device.workflow_state == "registered"

    def test_a_failure_is_older_than_what_a_job_does_before_it_is_applied(self, device: PushDevice) -> None:
        change = endpoints.read(json.dumps(failure(device, "EndpointDisabled")), timezone.now())
        sync_device(device.pk)
        with transaction.atomic():
            change()
        device.refresh_from_db()
        assert device.workflow_state == "registered"

    @pytest.mark.parametrize("first", ["failure", "registration"])
    def test_a_failure_and_a_registration_in_either_order(
        self, first: str, signer: SnsSigner, sns: Sns, device: PushDevice
    ) -> None:
        told = failure(device, "EndpointDisabled")
        subject = find_subject(Caller(device.user, device.user), "self")
        for what in (first, "registration" if first == "failure" else "failure"):
            if what == "failure":
                handle(signer, told, device)
                continue
            with transaction.atomic():
                registration.register(subject, TOKEN, registration.find(device.developer_key, TOKEN))
            run_worker()
        device.refresh_from_db()
        assert (device.workflow_state, device.failure) == ("registered", "")


@pytest.mark.parametrize("time", [None, "soon", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00"])
def test_a_failure_without_a_time_counts(time: str | None, signer: SnsSigner, device: PushDevice) -> None:
    handle(signer, failure(device, "EndpointDisabled", Time=time), device)
    assert device.workflow_state == "failed"


@pytest.mark.parametrize("kind", ["ServiceUnavailable", "InvalidPayload"])
def test_other_failures_are_looked_into(kind: str, signer: SnsSigner, sns: Sns, device: PushDevice) -> None:
    handle(signer, failure(device, kind), device)
    assert device.workflow_state == "registered"
    assert "GetEndpointAttributes" in sns.actions()


def test_a_message_that_was_too_late_says_nothing(signer: SnsSigner, sns: Sns, device: PushDevice) -> None:
    assert handle(signer, failure(device, "NotificationTTLExpired"), device).workflow_state == "handled"
    assert sns.calls == []


@pytest.mark.parametrize("kind", ["EndpointCreated", "an event of tomorrow"])
def test_other_events_say_nothing(kind: str, signer: SnsSigner, sns: Sns, device: PushDevice) -> None:
    assert handle(signer, event(device, kind)).workflow_state == "handled"
    assert sns.calls == []


@pytest.mark.parametrize("kind", ["EndpointDeleted", "EndpointUpdated"])
def test_an_endpoint_that_is_no_devices_changes_nothing(
    kind: str, signer: SnsSigner, sns: Sns, device: PushDevice
) -> None:
    told = event(device, kind, EndpointArn=f"{device.endpoint_arn}0")
    assert handle(signer, told).workflow_state == "handled"
    assert sns.calls == []


@pytest.mark.parametrize(
    "text", ["no JSON", "[]", "null", {}, {"EndpointArn": 1}, {"EndpointArn": "x"}, {"EndpointArn": "\x00"}]
)
def test_what_is_no_event_of_an_endpoint_is_refused_for_good(text: Any, signer: SnsSigner) -> None:
    found = handle(signer, text)
    assert (found.workflow_state, found.failure) == (
        "failed",
        "The message is no event of an SNS endpoint",
    )


def test_an_outage_of_sns_is_a_delay(signer: SnsSigner, sns: Sns, device: PushDevice) -> None:
    sns.script = always("GetEndpointAttributes", refuse("InternalFailure", "down", 500))
    found = handle(signer, event(device, "EndpointUpdated"), device)
    assert (found.workflow_state, found.failure) == ("received", "SNS: InternalFailure: down")
    assert device.workflow_state == "registered"


def test_an_unsigned_event_changes_nothing(signer: SnsSigner, device: PushDevice) -> None:
    message = {**signer.message(failure(device, "EndpointDisabled")), "Signature": "AAAA"}
    assert signer.post("amazon_sns", message).status_code == 200
    run_worker()
    device.refresh_from_db()
    assert device.workflow_state == "registered"
    assert "signature is wrong" in WebhookEvent.objects.get().failure


def test_devices_are_found_by_an_index() -> None:
    found = PushDevice.objects.filter(endpoint_arn="arn:x", workflow_state="registered")
    assert "using device_by_endpoint" in plan_with_only("device_by_endpoint", found)
