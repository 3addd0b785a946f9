"""Messages to devices, as Canvas's apps read them, and what became of them device by device."""

import json
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from channels_api.devices import registration
from channels_api.models import CommunicationChannel, PushDevice
from notifications.messages import delivery
from notifications.messages.models import Message
from notifications.messages.payloads import PLATFORM_BYTES, push_message, text_message
from notifications.worker.turns import Turn
from tests.factories import make_channel, make_dispatch, make_key, make_message, make_user
from tests.notifications.senders.test_devices import make_application
from tests.notifications.services import Answer, Fields, Sns, refuse, run_worker

URL = "https://canvas.example.edu/courses/1/announcements/2"


def android(content: str) -> dict[str, str]:
    """FCM's ``data``, a map of strings."""
    data: dict[str, str] = json.loads(json.loads(content)["GCM"])["data"]
    assert all(isinstance(value, str) for value in data.values())
    return data


class TestPayloads:
    def test_android_reads_alert_url_and_user(self) -> None:
        data = android(push_message("The lecture moves", URL, 12))
        assert data == {"alert": "The lecture moves", "html_url": URL, "user_id": "12"}

    @pytest.mark.parametrize("platform", ["APNS", "APNS_SANDBOX"])
    def test_ios_reads_alert_url_and_user(self, platform: str) -> None:
        shown = json.loads(json.loads(push_message("The lecture moves", URL, 12))[platform])
        assert shown == {"aps": {"alert": "The lecture moves"}, "html_url": URL, "user_id": 12}

    def test_without_a_link_it_is_empty(self) -> None:
        assert android(push_message("Hello", "", 12))["html_url"] == ""

    @given(text=st.text(max_size=5000), path=st.text(max_size=2000))
    def test_each_platform_gets_no_more_than_it_takes(self, text: str, path: str) -> None:
        content = json.loads(push_message(text, f"https://example.edu/{path}", 2**62))
        assert content.keys() == {"default", "GCM", "APNS", "APNS_SANDBOX"}
        for platform in ("GCM", "APNS", "APNS_SANDBOX"):
            assert len(content[platform].encode()) <= PLATFORM_BYTES
            json.loads(content[platform])

    def test_a_long_text_is_cut_and_its_link_kept(self) -> None:
        data = android(push_message("ä" * 4000, URL, 12))
        assert data["html_url"] == URL
        assert data["alert"].startswith("ä" * 1000)
        assert data["alert"].endswith("…")

    def test_a_link_that_leaves_no_room_is_left_out(self) -> None:
        data = android(push_message("Hello", "https://example.edu/" + "ß" * 2000, 12))
        assert (data["alert"], data["html_url"]) == ("Hello", "")


class TestTexts:
    @pytest.mark.parametrize(
        ("text", "fits"),
        [
            ("a" * 129, True),
            ("a" * 130, False),
            ("€" * 64, True),  # of two septets each
            ("€" * 65, False),
            ("ž" * 39, True),
            ("ž" * 40, False),
            ("😀" * 19, True),  # of two UTF-16 units each
            ("😀" * 20, False),
        ],
    )
    def test_the_link_comes_where_both_fit_one_part(self, text: str, fits: bool) -> None:
        url = "https://canvas.example.edu/abc"  # 30 characters
        assert text_message(text, url) == (f"{text} {url}" if fits else text)

    def test_without_a_link_it_is_the_text(self) -> None:
        assert text_message("Hello", "") == "Hello"


@pytest.mark.django_db(transaction=True)
class TestSending:
    @pytest.fixture
    def channel(self) -> CommunicationChannel:
        return make_channel(make_user(), "For All Devices", "push")

    @pytest.fixture
    def devices(self, channel: CommunicationChannel, sns: Sns) -> list[PushDevice]:
        """Two that are registered at SNS."""
        application = make_application(sns.client())
        key = make_key(sns_arn=application)
        return [self.register(channel, key, f"{number:064x}") for number in (1, 2)]

    def register(self, channel: CommunicationChannel, key: Any, token: str) -> PushDevice:
        device = PushDevice.objects.create(
            user=channel.user,
            developer_key=key,
            token=token,
            token_digest=registration.digest(token),
            last_seen_at=timezone.now(),
        )
        PushDevice.job.ask_again([device.pk])
        run_worker()
        device.refresh_from_db()
        return device

    def send(self, channel: CommunicationChannel, **fields: Any) -> Message:
        dispatch = make_dispatch(channel.user.home_account, url=URL, short="Moved")
        message = make_message(
            channel.user, channel, dispatch=dispatch, **{"workflow_state": "created"} | fields
        )
        delivery.deliver([message.pk], Turn())
        message.refresh_from_db()
        return message

    def states(self, message: Message) -> list[str]:
        return [message.devices[pk]["state"] for pk in sorted(message.devices, key=int)]

    def published(self, sns: Sns) -> list[Fields]:
        return [call for call in sns.calls if call["Action"] == "Publish"]

    def test_each_device_gets_one(
        self, channel: CommunicationChannel, devices: list[PushDevice], sns: Sns
    ) -> None:
        message = self.send(channel)
        assert (message.workflow_state, self.states(message)) == ("sent", ["accepted", "accepted"])
        calls = self.published(sns)
        assert [call["TargetArn"] for call in calls] == [device.endpoint_arn for device in devices]
        assert {call["MessageStructure"] for call in calls} == {"json"}
        assert android(calls[0]["Message"])["alert"] == "Moved"

    def test_a_disabled_endpoint_is_marked_and_mended_when_its_app_registers_again(
        self, channel: CommunicationChannel, devices: list[PushDevice], sns: Sns
    ) -> None:
        sns.client().set_endpoint_attributes(
            EndpointArn=devices[0].endpoint_arn, Attributes={"Enabled": "false"}
        )
        message = self.send(channel)
        assert (message.workflow_state, self.states(message)) == ("sent", ["refused", "accepted"])
        devices[0].refresh_from_db()
        assert devices[0].workflow_state == "failed"
        PushDevice.objects.retry([devices[0].pk])
        run_worker()
        assert self.states(self.send(channel)) == ["accepted", "accepted"]

    def test_so_is_one_that_vanished(
        self, channel: CommunicationChannel, devices: list[PushDevice], sns: Sns
    ) -> None:
        sns.client().delete_endpoint(EndpointArn=devices[1].endpoint_arn)
        message = self.send(channel)
        assert self.states(message) == ["accepted", "refused"]
        devices[1].refresh_from_db()
        assert devices[1].workflow_state == "failed"

    def failing(self, device: PushDevice, answer: Answer) -> Any:
        return lambda fields: answer if fields.get("TargetArn") == device.endpoint_arn else None

    def test_another_try_is_for_those_that_have_not_accepted(
        self, channel: CommunicationChannel, devices: list[PushDevice], sns: Sns
    ) -> None:
        sns.script = self.failing(devices[0], refuse("Throttled", "slow down", 429))
        message = self.send(channel)
        assert (message.workflow_state, message.waits_for) == ("staged", "retry")
        assert self.states(message) == ["waiting", "accepted"]
        sns.script = None
        Message.objects.update(workflow_state="created")
        delivery.deliver([message.pk], Turn())
        message.refresh_from_db()
        assert (message.workflow_state, self.states(message)) == ("sent", ["accepted", "accepted"])
        targets = [call["TargetArn"] for call in self.published(sns)]
        assert [targets.count(device.endpoint_arn) for device in devices] == [2, 1]

    def test_one_that_some_device_has_is_sent_in_the_end(
        self, channel: CommunicationChannel, devices: list[PushDevice], sns: Sns
    ) -> None:
        sns.script = self.failing(devices[0], refuse("Throttled", "slow down", 429))
        message = self.send(channel, attempts=39)
        assert (message.workflow_state, self.states(message)) == ("sent", ["waiting", "accepted"])

    def test_one_that_all_refuse_is_not_sent(
        self, channel: CommunicationChannel, devices: list[PushDevice], sns: Sns
    ) -> None:
        for device in devices:
            sns.client().delete_endpoint(EndpointArn=device.endpoint_arn)
        message = self.send(channel)
        assert (message.workflow_state, self.states(message)) == (
            "transmission_error",
            ["refused", "refused"],
        )

    def test_one_without_a_device_is_not_sent(self, channel: CommunicationChannel, sns: Sns) -> None:
        message = self.send(channel)
        assert (message.workflow_state, message.failure) == ("transmission_error", "No device is registered")

    def test_a_device_that_is_gone_keeps_nothing_waiting(
        self, channel: CommunicationChannel, devices: list[PushDevice], sns: Sns
    ) -> None:
        gone = {"0": {"state": "waiting", "reason": "It is not registered at SNS yet"}}
        assert self.send(channel, devices=gone).workflow_state == "sent"
