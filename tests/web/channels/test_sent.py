"""The page of what was sent to a user, and the test message of a channel."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from django.utils.html import strip_tags

from canvas_channels.core.identity.models import Account, User
from channels_api.models import CommunicationChannel
from notifications.models import Message
from tests.factories import (
    load_catalogue,
    make_account,
    make_admin,
    make_channel,
    make_dispatch,
    make_message,
    make_site_admin,
    make_user,
)
from tests.web.clients import signed_in

pytestmark = pytest.mark.django_db

OWN = "/profile/messages"


@pytest.fixture
def account() -> Account:
    load_catalogue()
    return make_account("Caltech", is_default=True, admins_can_view_notifications=True)


@pytest.fixture
def user(account: Account) -> User:
    return make_user("Sheldon Cooper", account, time_zone="Asia/Tokyo")


@pytest.fixture
def channel(user: User) -> CommunicationChannel:
    return make_channel(user, "sheldon@example.com")


def test_what_was_sent_and_what_became_of_it(user: User, channel: CommunicationChannel) -> None:
    message = make_message(user, channel)
    Message.objects.filter(pk=message.pk).update(created_at="2026-11-27T22:30:00Z")
    make_message(user, channel, workflow_state="bounced", failure="There is no such mailbox.")
    shown = signed_in(user).get(OWN).content.decode()
    assert "The lecture moves" in shown
    assert "To room 12." in shown
    assert "Came back" in shown
    assert "There is no such mailbox." in shown
    assert "Nov. 28, 2026, 7:30 a.m." in shown  # where the user is
    assert 'datetime="2026-11-27T22:30:00+00:00"' in shown


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"workflow_state": "created"}, "On its way"),
        ({"workflow_state": "staged", "waits_for": "digest"}, "Waits for the next digest"),
        ({"workflow_state": "staged", "waits_for": "quiet_hours"}, "Waits for the end of quiet hours"),
        ({"workflow_state": "staged", "waits_for": "delay"}, "Waits for newer news"),
        ({"workflow_state": "staged", "waits_for": "retry"}, "Will be tried again"),
        ({"workflow_state": "closed"}, "Went out in a digest"),
        ({"workflow_state": "cancelled"}, "Not sent"),
        ({"workflow_state": "transmission_error"}, "Could not be sent"),
    ],
)
def test_states_in_words(
    user: User, channel: CommunicationChannel, fields: dict[str, str], words: str
) -> None:
    make_message(user, channel, **fields)
    assert words in signed_in(user).get(OWN).content.decode()


def test_a_push_device_by_device(user: User) -> None:
    devices = {"7": {"state": "accepted", "reason": None}, "8": {"state": "refused", "reason": "It is off."}}
    make_message(user, make_channel(user, "For All Devices", "push"), devices=devices)
    shown = signed_in(user).get(OWN).content.decode()
    assert "A device accepted it." in shown
    assert 'A device did not get it: <span lang="en">It is off.</span>' in shown


def test_what_registration_messages_said_is_not_shown(user: User, channel: CommunicationChannel) -> None:
    dispatch = make_dispatch(user.home_account, "confirm_registration", body="a secret link")
    make_message(user, channel, dispatch=dispatch)
    assert "a secret link" not in signed_in(user).get(OWN).content.decode()


def test_in_pages(user: User, channel: CommunicationChannel) -> None:
    dispatch = make_dispatch(user.home_account, subject="The oldest")
    oldest = make_message(user, channel, dispatch=dispatch)
    Message.objects.filter(pk=oldest.pk).update(created_at=timezone.now() - timedelta(days=1))
    for _ in range(20):
        make_message(user, channel)
    client = signed_in(user)
    assert "The oldest" not in client.get(OWN).content.decode()
    assert "The oldest" in client.get(f"{OWN}?page=2").content.decode()


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", {"sent", "closed", "bounced", "transmission_error", "staged", "sending", "cancelled"}),
        ("state=good", {"sent", "closed"}),
        ("state=bad", {"bounced", "transmission_error"}),
        ("state=open", {"staged", "sending"}),
        ("state=cancelled", {"cancelled"}),
        ("type=sms", {"closed"}),
        ("type=email&state=good", {"sent"}),
        ("type=push", set()),
        ("until={day}", {"bounced"}),
    ],
)
def test_what_became_of_them_and_over_what(
    query: str, shown: set[str], user: User, channel: CommunicationChannel
) -> None:
    number = make_channel(user, "+12025550100", "sms")
    for state in ("sent", "closed", "bounced", "transmission_error", "staged", "sending", "cancelled"):
        dispatch = make_dispatch(user.home_account, subject=f"It is {state}")
        make_message(user, number if state == "closed" else channel, dispatch=dispatch, workflow_state=state)
    now = timezone.now()
    Message.objects.filter(workflow_state="bounced").update(created_at=now - timedelta(days=9))
    query = query.format(day=(now - timedelta(days=5)).date())
    page = signed_in(user).get(f"{OWN}?{query}").text
    assert set(re.findall(r"<h2[^>]*>It is (\w+)</h2>", page)) == shown
    assert ("Nothing was sent." in page) == (not shown)


def test_what_is_no_filter_lists_nothing(user: User, channel: CommunicationChannel) -> None:
    make_message(user, channel)
    answer = signed_in(user).get(f"{OWN}?state=lost")
    assert answer.status_code == 400
    assert "The lecture moves" not in answer.text


def test_admins_where_the_account_lets_them(
    account: Account, user: User, channel: CommunicationChannel
) -> None:
    make_message(user, channel)
    path = f"/users/{user.pk}/messages"
    admin = signed_in(make_admin(account))
    assert "To room 12." in admin.get(path).content.decode()
    assert signed_in(make_user(account=account)).get(path).status_code == 403
    account.admins_can_view_notifications = False
    account.save()
    assert admin.get(path).status_code == 403
    assert signed_in(make_site_admin()).get(path).status_code == 200


def test_while_acting_the_accounts_switch_counts(account: Account, user: User) -> None:
    admin = signed_in(make_admin(account))
    admin.post(f"/users/{user.pk}/act")
    assert admin.get(f"/users/{user.pk}/messages").status_code == 200
    account.admins_can_view_notifications = False
    account.save()
    assert admin.get(f"/users/{user.pk}/messages").status_code == 403


class TestTest:
    def test_it_is_asked_for_and_shown(self, user: User, channel: CommunicationChannel) -> None:
        client = signed_in(user)
        base = f"/profile/communication/{channel.pk}/test"
        answer = client.post(base, follow=True)
        assert answer.redirect_chain == [(f"/profile/communication#channel-{channel.pk}", 302)]
        assert "A test message is on its way to sheldon@example.com." in strip_tags(answer.text)
        assert "On its way" in client.get(base).content.decode()
        assert "hx-trigger" in client.get(base).content.decode()
        Message.objects.update(workflow_state="transmission_error", failure="There is no such mailbox.")
        ended = client.get(base).content.decode()
        assert "Could not be sent" in ended
        assert "There is no such mailbox." in ended
        assert "hx-trigger" not in ended

    @pytest.mark.parametrize("fields", [{"workflow_state": "unconfirmed"}, {"bounce_count": 1}])
    def test_only_where_it_can_arrive(self, user: User, fields: dict[str, Any]) -> None:
        channel = make_channel(user, **fields)
        client = signed_in(user)
        assert "Send a test message" not in client.get("/profile/communication").content.decode()
        client.post(f"/profile/communication/{channel.pk}/test")
        assert not Message.objects.exists()

    def test_five_an_hour(self, user: User, channel: CommunicationChannel) -> None:
        client = signed_in(user)
        for _ in range(5):
            client.post(f"/profile/communication/{channel.pk}/test")
        answer = client.post(f"/profile/communication/{channel.pk}/test", follow=True)
        assert "Too many messages were asked for." in answer.content.decode()
        assert Message.objects.count() == 5
