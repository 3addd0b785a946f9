"""What makes time pass in the demo, and messages bounce."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from channels_api.models import CommunicationChannel
from notifications.models import Message, QuietHours
from tests.factories import load_catalogue, make_channel, make_message, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def channel() -> CommunicationChannel:
    load_catalogue()
    return make_channel(make_user(), "sheldon@example.com")


def call(path: str, data: str = "", **headers: str) -> Any:
    kind = "application/x-www-form-urlencoded"
    return Client(enforce_csrf_checks=True, SERVER_NAME="localhost").post(
        f"/demo/{path}", data, kind, headers=headers
    )


def staged(channel: CommunicationChannel, **fields: Any) -> Message:
    due = {"due_at": timezone.now() + timedelta(minutes=30)}
    return make_message(channel.user, channel, **{"workflow_state": "staged"} | due | fields)


def entry(channel: CommunicationChannel, **fields: Any) -> Message:
    return staged(channel, kind="digest_entry", waits_for="digest", frequency="daily", **fields)


def states() -> list[tuple[str, str]]:
    return list(Message.objects.order_by("pk").values_list("kind", "workflow_state"))


def test_digests_are_made_at_once(channel: CommunicationChannel) -> None:
    entry(channel)
    assert call("digests").json() == {"made": 1}
    assert states() == [("digest_entry", "closed"), ("digest", "created")]
    assert call("digests").json() == {"made": 0}


def test_digests_that_are_due_at_a_moment(channel: CommunicationChannel) -> None:
    entry(channel)
    before, after = (timezone.now() + timedelta(minutes=minutes) for minutes in (29, 31))
    assert call("digests", f"at={before:%Y-%m-%dT%H:%M:%SZ}").json() == {"made": 0}
    assert call("digests", f"at={after:%Y-%m-%dT%H:%M:%SZ}").json() == {"made": 1}


@pytest.mark.parametrize("waits_for", ["delay", "quiet_hours"])
def test_what_waits_is_made_due(channel: CommunicationChannel, waits_for: str) -> None:
    staged(channel, waits_for=waits_for)
    waits = entry(channel)
    assert call("due", "minutes=29").json() == {"moved": 1}
    assert states()[0] == ("notification", "staged")
    assert call("due", "minutes=2").json() == {"moved": 1}
    assert states()[0] == ("notification", "created")
    waits.refresh_from_db()
    assert waits.workflow_state == "staged"


def test_quiet_hours_end_though_they_last(channel: CommunicationChannel) -> None:
    phone = make_channel(channel.user, "+16265550100", "sms")
    QuietHours.objects.create(user=channel.user, starts="00:00", ends="23:59")
    staged(phone, waits_for="quiet_hours")
    assert call("due").json() == {"moved": 1}
    assert states() == [("notification", "created")]


def test_a_bounce(channel: CommunicationChannel) -> None:
    older, newest = (make_message(channel.user, channel, provider_id=f"<m{n}@localhost>") for n in (1, 2))
    assert call("bounce", "to=Sheldon@example.com").json() == {"to": "Sheldon@example.com"}
    for row in (channel, older, newest):
        row.refresh_from_db()
    assert channel.bounce_count == 1
    assert (older.workflow_state, newest.workflow_state) == ("sent", "bounced")


@pytest.mark.parametrize(
    ("path", "data", "attribute"),
    [("digests", "at=soon", "at"), ("digests", "at=2026-13-01", "at"), ("due", "minutes=x", "minutes")]
    + [("due", "minutes=1e99", "minutes"), ("bounce", "", "to")],
)
def test_bad_parameters(path: str, data: str, attribute: str) -> None:
    answer = call(path, data)
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [attribute]


@pytest.mark.parametrize("path", ["digests", "due", "bounce"])
def test_only_this_machine_and_no_page_of_another_site(path: str) -> None:
    assert call(path, "to=a@example.com", origin="http://localhost").status_code == 200
    assert call(path, "to=a@example.com", origin="https://evil.example").status_code == 403
    assert call(path, "to=a@example.com", origin="null").status_code == 403
    assert Client(SERVER_NAME="localhost").post(f"/demo/{path}", REMOTE_ADDR="192.0.2.1").status_code == 404
    assert Client(SERVER_NAME="testserver").post(f"/demo/{path}").status_code == 404
    assert Client().get(f"/demo/{path}").status_code == 405


def test_a_person_comes_back_to_the_page() -> None:
    answer = call("digests", accept="text/html")
    assert (answer.status_code, answer["Location"]) == (302, "/demo/outbox")
