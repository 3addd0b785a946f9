"""What is kept of messages, and for how long."""

from datetime import timedelta

import pytest
from django.utils import timezone

from canvas_channels.core.identity.models import User
from notifications.models import Dispatch, DispatchRecipient, Message
from notifications.record import retention
from tests.factories import load_catalogue, make_account, make_channel, make_dispatch, make_message, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> User:
    load_catalogue()
    return make_user(account=make_account(is_default=True))


def test_old_ones_go_with_what_they_were_made_from(user: User) -> None:
    channel = make_channel(user)
    old = make_dispatch(user.home_account)
    make_message(user, channel, dispatch=old)
    DispatchRecipient.objects.create(dispatch=old, user=user, decided=True)
    for rows in (Message.objects.all(), Dispatch.objects.all()):
        rows.update(created_at=timezone.now() - timedelta(days=31))
    kept = make_message(user, channel)
    while retention.prune(30):
        pass
    assert list(Message.objects.all()) == [kept]
    assert list(Dispatch.objects.all()) == [kept.dispatch]
    assert not DispatchRecipient.objects.exists()


def test_a_digest_goes_with_its_entries(user: User) -> None:
    channel = make_channel(user)
    digest = Message.objects.create(
        user=user, channel=channel, account=user.home_account, kind="digest", type="email", address="a@b.edu"
    )
    entry = make_message(user, channel, kind="digest_entry", workflow_state="closed", digest=digest)
    Message.objects.filter(pk__in=[digest.pk, entry.pk]).update(
        created_at=timezone.now() - timedelta(days=31)
    )
    assert retention.prune(30)
    assert not Message.objects.exists()


@pytest.mark.parametrize("state", ["created", "staged", "sending"])
def test_a_registration_message_keeps_its_words_till_it_is_sent(user: User, state: str) -> None:
    dispatch = make_dispatch(
        user.home_account, "confirm_registration", html_body="<p>x</p>", url="https://x.y"
    )
    message = make_message(user, make_channel(user), dispatch=dispatch, workflow_state=state)
    news = make_dispatch(user.home_account)
    make_message(user, make_channel(user), dispatch=news)
    assert retention.forget_bodies() == 0
    message.workflow_state = "sent"
    message.save()
    assert retention.forget_bodies() == 1
    dispatch.refresh_from_db()
    assert (dispatch.body, dispatch.html_body, dispatch.short, dispatch.url) == ("", "", "", "")
    assert dispatch.subject
    news.refresh_from_db()
    assert news.body
    assert retention.forget_bodies() == 0
