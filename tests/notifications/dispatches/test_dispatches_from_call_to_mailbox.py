"""One call of the API, and what arrives of it: the worker, the mail server and SNS are real."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from canvas_channels.core.identity.models import User
from channels_api.models import CommunicationChannel
from notifications.models import Message
from tests.api.conftest import ApiClient
from tests.factories import load_catalogue, make_admin, make_channel, make_key, make_token, make_user
from tests.notifications.senders.test_devices import make_application
from tests.notifications.services import Sns, run_worker

PATH = "/accounts/self/notifications"
PREFERENCES = "/users/self/communication_channels/{}/notification_preferences/new_announcement"


@pytest.fixture
def admin() -> ApiClient:
    load_catalogue()
    return ApiClient(make_token(make_admin()))


@pytest.fixture
def sheldon(admin: ApiClient, sns: Sns) -> User:
    """With an email address, another one, and two devices; the first is written to at once."""
    user = make_user("Sheldon Cooper", time_zone="America/Los_Angeles")
    make_channel(user, "sheldon@example.edu")
    make_channel(user, "shelly@example.com")
    key = make_key(sns_arn=make_application(sns.client(), platform="GCM"))
    app = ApiClient(make_token(user, key))
    for token in ("device1", "device2"):
        form = f"communication_channel[type]=push&communication_channel[token]={token}"
        assert app.call("POST", "/users/self/communication_channels", form).status_code == 200
    choose(user, "push", "immediately")
    run_worker()
    sns.calls.clear()
    return user


def choose(user: User, type_: str, frequency: str) -> None:
    channel = CommunicationChannel.objects.filter(user=user, type=type_).earliest("position")
    form = f"notification_preferences[frequency]={frequency}"
    answer = ApiClient(make_token(user)).call("PUT", PREFERENCES.format(channel.pk), form)
    assert answer.status_code == 200


def send(admin: ApiClient, *user_ids: object) -> int:
    given = {"notification": "new_announcement", "subject": "The exam moves", "body": "To room 5."}
    answer = admin.call("POST", PATH, json=given | {"user_ids": list(user_ids)})
    assert answer.status_code == 200
    return int(answer.json()["id"])


def counts(admin: ApiClient, dispatch_id: int) -> dict[str, Any]:
    shown = admin.call("GET", f"{PATH}/{dispatch_id}").json()
    assert shown["workflow_state"] == "completed"
    found = shown["counts"]
    withheld = found.pop("withheld")
    return {name: count for name, count in (found | withheld).items() if count}


def test_one_mail_one_push_a_device_and_nothing_else(
    admin: ApiClient, sheldon: User, mailbox: list[dict[str, str]], sns: Sns
) -> None:
    dispatch_id = send(admin, sheldon.pk, "sis_user_id:nobody")
    run_worker()
    assert [(mail["to"], mail["subject"]) for mail in mailbox] == [("sheldon@example.edu", "The exam moves")]
    published = [json.loads(call["Message"]) for call in sns.calls if call["Action"] == "Publish"]
    assert [message["default"] for message in published] == ["The exam moves"] * 2
    assert counts(admin, dispatch_id) == {"sent": 2, "preference": 1, "unknown_user": 1}


def test_what_is_chosen_daily_waits_for_the_digest(
    admin: ApiClient, sheldon: User, mailbox: list[dict[str, str]]
) -> None:
    choose(sheldon, "email", "daily")
    choose(sheldon, "push", "never")
    dispatch_id = send(admin, sheldon.pk)
    run_worker()
    assert mailbox == []
    assert counts(admin, dispatch_id) == {"digest": 1, "preference": 2}
    entry = Message.objects.get()
    assert entry.due_at is not None
    assert entry.due_at - timezone.now() <= timedelta(days=1, hours=1)


def test_what_is_cancelled_does_not_arrive(
    admin: ApiClient, sheldon: User, mailbox: list[dict[str, str]], sns: Sns
) -> None:
    dispatch_id = send(admin, sheldon.pk)
    assert admin.call("DELETE", f"{PATH}/{dispatch_id}").status_code == 200
    run_worker()
    assert mailbox == []
    assert "Publish" not in sns.actions()
