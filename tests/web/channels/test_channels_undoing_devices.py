"""Undoing the removal of a device, or of all of them, on the page."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from canvas_channels.core.identity.models import User
from channels_api.channels import restoring
from channels_api.models import AuditEntry, CommunicationChannel, PushDevice
from tests.api.conftest import ApiClient
from tests.factories import make_admin, make_channel, make_device, make_token, make_user
from tests.web.clients import signed_in

pytestmark = pytest.mark.django_db

PAGE = "/profile/communication"
GONE = "It is not there any more."


@pytest.fixture
def owner() -> User:
    return make_user()


@pytest.fixture
def push(owner: User) -> CommunicationChannel:
    return make_channel(owner, "For All Devices", "push")


def act(client: Client, path: str, page: str = PAGE) -> str:
    return client.post(f"{page}/{path}", follow=True).text


def states(owner: User) -> list[str]:
    return list(PushDevice.objects.filter(user=owner).order_by("pk").values_list("workflow_state", flat=True))


def test_a_device_is_back_as_if_its_app_had_registered_it(owner: User, push: CommunicationChannel) -> None:
    device, client = make_device(owner), signed_in(owner)
    before = PushDevice.objects.values("token", "created_at", "last_seen_at").get()
    removed = act(client, f"devices/{device.pk}/remove")
    assert f'action="{PAGE}/devices/{device.pk}/restore"' in removed
    PushDevice.objects.update(endpoint_arn="", failure="")  # the worker deleted its endpoint
    assert "The device is back." in act(client, f"devices/{device.pk}/restore")
    assert states(owner) == ["pending"]
    assert PushDevice.objects.values(*before).get() == before
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, entry.actor, entry.details) == ("register_device", owner, {"device_id": device.pk})
    assert GONE in act(client, f"devices/{device.pk}/restore")


def test_the_page_holds_no_token(owner: User, push: CommunicationChannel) -> None:
    device, client = make_device(owner, token="a-token-that-nobody-may-see"), signed_in(owner)
    assert device.token not in act(client, f"devices/{device.pk}/remove")
    assert device.token not in str(dict(client.session))


def test_only_the_session_that_removed_it_brings_it_back(owner: User, push: CommunicationChannel) -> None:
    device, client = make_device(owner), signed_in(owner)
    act(client, f"devices/{device.pk}/remove")
    assert GONE in act(signed_in(owner), f"devices/{device.pk}/restore")
    AuditEntry.objects.update(actor=make_user())
    assert GONE in act(client, f"devices/{device.pk}/restore")
    assert states(owner) == ["removed"]


def test_it_is_not_back_after_ten_minutes(owner: User, push: CommunicationChannel) -> None:
    device, client = make_device(owner), signed_in(owner)
    act(client, f"devices/{device.pk}/remove")
    AuditEntry.objects.update(created_at=timezone.now() - restoring.POSSIBLE_FOR - timedelta(seconds=1))
    assert GONE in act(client, f"devices/{device.pk}/restore")


def test_it_stays_with_whom_it_moved_to(owner: User, push: CommunicationChannel) -> None:
    device, client = make_device(owner), signed_in(owner)
    act(client, f"devices/{device.pk}/remove")
    other = make_user()
    PushDevice.objects.update(user=other, workflow_state="registered")
    assert GONE in act(client, f"devices/{device.pk}/restore")
    assert states(other) == ["registered"]


def test_without_the_push_channel_it_is_not_back(owner: User, push: CommunicationChannel) -> None:
    device, client = make_device(owner), signed_in(owner)
    act(client, f"devices/{device.pk}/remove")
    CommunicationChannel.objects.update(workflow_state="retired")
    assert GONE in act(client, f"devices/{device.pk}/restore")
    assert states(owner) == ["removed"]


def register(api: ApiClient, device: PushDevice) -> None:
    form = f"communication_channel[type]=push&communication_channel[token]={device.token}"
    assert api.call("POST", "/users/self/communication_channels", form).status_code == 200


def test_what_its_app_removed_since_is_not_back(owner: User, push: CommunicationChannel) -> None:
    device, client = make_device(owner), signed_in(owner)
    api = ApiClient(make_token(owner, device.developer_key))
    act(client, f"devices/{device.pk}/remove")
    register(api, device)
    api.call("DELETE", "/users/self/communication_channels/push", f"push_token={device.token}")
    assert states(owner) == ["removed"]
    assert GONE in act(client, f"devices/{device.pk}/restore")
    assert states(owner) == ["removed"]


def test_a_later_removal_of_the_push_channel_is_not_undone(owner: User, push: CommunicationChannel) -> None:
    device, client = make_device(owner), signed_in(owner)
    api = ApiClient(make_token(owner, device.developer_key))
    act(client, f"{push.pk}/remove")
    register(api, device)
    assert api.call("DELETE", f"/users/self/communication_channels/{push.pk}").status_code == 200
    assert GONE in act(client, f"{push.pk}/restore")
    assert states(owner) == ["removed"]


def test_an_erased_token_is_not_back(owner: User, push: CommunicationChannel) -> None:
    device, client = make_device(owner), signed_in(owner)
    act(client, f"devices/{device.pk}/remove")
    PushDevice.objects.update(token="")
    assert GONE in act(client, f"devices/{device.pk}/restore")


def test_the_push_channel_is_back_with_the_devices_that_went_with_it(
    owner: User, push: CommunicationChannel
) -> None:
    before, _, _ = make_device(owner), make_device(owner), make_device(owner)
    client = signed_in(owner)
    act(client, f"devices/{before.pk}/remove")
    assert f'action="{PAGE}/{push.pk}/restore"' in act(client, f"{push.pk}/remove")
    assert states(owner) == ["removed"] * 3
    assert "The devices are back." in act(client, f"{push.pk}/restore")
    assert states(owner) == ["removed", "pending", "pending"]
    assert CommunicationChannel.objects.get().workflow_state == "active"


def test_an_admin_brings_back_what_they_removed(owner: User, push: CommunicationChannel) -> None:
    make_device(owner)
    client, page = signed_in(make_admin()), f"/users/{owner.pk}/communication"
    act(client, f"{push.pk}/remove", page)
    act(client, f"{push.pk}/restore", page)
    assert states(owner) == ["pending"]
