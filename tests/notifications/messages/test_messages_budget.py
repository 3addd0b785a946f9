"""The texts of an account's people share one budget, whatever they are about."""

from typing import Any

import pytest
from pytest_django import Settings

from canvas_channels.core.identity.callers import Caller
from canvas_channels.core.identity.models import Account, User
from channels_api.errors import MessageLimitReached
from channels_api.messages import confirmations, limits, security_notices
from channels_api.models import CommunicationChannel, SecurityNotice
from notifications.messages.models import Message
from notifications.record import self_tests
from tests.factories import make_account, make_channel, make_dispatch, make_message, make_user

pytestmark = pytest.mark.django_db(transaction=True)

NUMBERS = iter(range(100, 200))


def make_number(user: User, workflow_state: str = "active") -> CommunicationChannel:
    return make_channel(user, f"+16265550{next(NUMBERS)}", "sms", workflow_state)


def notified(account: Account, by: Account | None = None, **fields: Any) -> Message:
    """Somebody of the account got a notification by text."""
    channel = make_number(make_user(account=account))
    dispatch = make_dispatch(by or account)
    return make_message(channel.user, channel, dispatch=dispatch, text_account=account, **fields)


@pytest.fixture
def home(settings: Settings) -> Account:
    settings.SMS_DAILY_BUDGET = 1
    return make_account("Caltech")


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_notification_leaves_nothing_for_others(home: Account, elsewhere: bool) -> None:
    user = make_user(account=home)
    assert limits.texts_left([home.pk]) == {home.pk: 1}
    notified(home, make_account("Parent") if elsewhere else None)
    assert limits.texts_left([home.pk]) == {home.pk: 0}
    with pytest.raises(MessageLimitReached):
        confirmations.resend(make_number(user, "unconfirmed"))
    with pytest.raises(MessageLimitReached):
        self_tests.request(make_number(user), Caller(user, user))
    security_notices.notify_new_password(user)
    assert not SecurityNotice.objects.filter(type="sms").exists()
    stranger = make_user(account=make_account("Cheesecake"))
    assert confirmations.resend(make_number(stranger, "unconfirmed"))


@pytest.mark.parametrize("state", ["cancelled", "bounced"])
def test_what_is_not_sent_costs_nothing(home: Account, state: str) -> None:
    notified(home, workflow_state=state)
    assert confirmations.resend(make_number(make_user(account=home), "unconfirmed"))


@pytest.mark.parametrize("state", ["created", "staged", "sending", "sent", "transmission_error"])
def test_what_may_have_been_sent_counts(home: Account, state: str) -> None:
    notified(home, workflow_state=state)
    assert limits.texts_left([home.pk]) == {home.pk: 0}


def test_a_test_text_counts(home: Account) -> None:
    user = make_user(account=home)
    self_tests.request(make_number(user), Caller(user, user))
    with pytest.raises(MessageLimitReached):
        confirmations.resend(make_number(user, "unconfirmed"))
