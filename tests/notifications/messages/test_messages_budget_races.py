"""Whatever sends texts may do so at once, each from a connection of its own: budget and limits hold."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from random import Random
from typing import Any

import pytest
from django.db import transaction
from pytest_django import Settings

from canvas_channels.core.identity.callers import Caller, find_subject
from canvas_channels.core.identity.models import Account, User
from channels_api.channels.confirm import confirm_email
from channels_api.errors import MessageLimitReached
from channels_api.messages import confirmations, limits
from channels_api.models import CommunicationChannel, Confirmation, SecurityNotice
from notifications.deciding import fan_out
from notifications.messages.models import Message
from notifications.record import self_tests
from tests.channels_api.messages.test_limits_races import new_code, together
from tests.factories import make_account, make_channel, make_dispatch, make_user
from tests.notifications.services import do_all

pytestmark = pytest.mark.django_db(transaction=True)

Work = Callable[[], Any]

EACH = 6


@pytest.fixture
def account() -> Account:
    return make_account("Caltech", sms_notifications=True)


def asked(ask: Callable[[CommunicationChannel, Caller], Any], channel: CommunicationChannel) -> Work:
    """As the API and the pages ask for a message, with the user's row held."""

    def work() -> None:
        caller = Caller(channel.user, channel.user)
        with suppress(MessageLimitReached), transaction.atomic():
            find_subject(caller, "self", lock=True)
            ask(channel, caller)

    return work


def code_asked_for(user: User, number: str) -> Work:
    return asked(confirmations.resend, make_channel(user, number, "sms", "unconfirmed"))


def tried(user: User, number: str) -> Work:
    return asked(self_tests.request, make_channel(user, number, "sms"))


def told_of_an_address(user: User, number: str) -> Work:
    make_channel(user, number, "sms")
    return partial(confirm_email, new_code(user, f"new-{user.pk}@example.edu"))


def notified(*users: User) -> Work:
    dispatch = make_dispatch(users[0].home_account, recipients=users, workflow_state="queued")
    return partial(do_all, fan_out.step, dispatch.pk)


def do(work: list[Work]) -> None:
    Random(1).shuffle(work)
    together(lambda each: each(), work)


def count_texts(account: Account) -> int:
    return sum(kind.rows().filter(**{kind.account: account}).count() for kind in limits.TEXTS)


def test_a_budget_is_one_for_all(account: Account, settings: Settings) -> None:
    settings.SMS_DAILY_BUDGET = 10
    numbers = (f"+16265550{number}" for number in range(100, 200))
    work = [
        ask(make_user(account=account), next(numbers))
        for ask in (code_asked_for, tried, told_of_an_address)
        for _ in range(EACH)
    ]
    for _ in range(EACH):
        users = [make_user(account=account) for _ in range(3)]
        for user in users:
            make_channel(user, next(numbers), "sms")
        work.append(notified(*users))
    do(work)
    assert count_texts(account) == 10
    assert limits.texts_left([account.pk]) == {account.pk: 0}


def test_a_number_has_its_limits_whoever_asks(account: Account, settings: Settings) -> None:
    """What somebody else sends there by tests leaves codes and notices their own."""
    settings.CONFIRMATIONS_PER_NUMBER_PER_HOUR = 3
    do([
        ask(make_user(account=account), "+16265550100")
        for ask in (code_asked_for, tried, told_of_an_address)
        for _ in range(EACH)
    ])  # fmt: skip
    assert Confirmation.objects.filter(channel__type="sms").count() + SecurityNotice.objects.count() == 3
    assert Message.objects.count() <= 3


def test_tests_of_one_number(account: Account, settings: Settings) -> None:
    settings.CONFIRMATIONS_PER_NUMBER_PER_HOUR = 3
    do([tried(make_user(account=account), "+16265550100") for _ in range(2 * EACH)])
    assert Message.objects.count() == 3


def test_a_day_has_its_messages_whoever_sends_them(account: Account, settings: Settings) -> None:
    settings.MESSAGES_PER_USER_PER_DAY = 3
    users = [make_user(account=account) for _ in range(4)]
    for user in users:
        make_channel(user)
    do([notified(*users) for _ in range(EACH)])
    for user in users:
        at_once = Message.objects.filter(user=user, kind=Message.Kind.NOTIFICATION)
        in_digest = Message.objects.filter(user=user, kind=Message.Kind.DIGEST_ENTRY)
        assert (at_once.count(), in_digest.count()) == (3, EACH - 3)
