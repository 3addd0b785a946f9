"""The job that sends messages: what it sends, what it withholds, and what becomes of failures."""

from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from channels_api.models import CommunicationChannel
from notifications import deliveries
from notifications.dispatches.models import Dispatch
from notifications.gateways.envelopes import message_id
from notifications.messages import delivery, queue
from notifications.messages.models import Message
from notifications.scheduling import waiting
from notifications.worker import turns
from notifications.worker.retry import MAX_TRIES
from notifications.worker.turns import Turn
from tests.factories import make_channel, make_dispatch, make_message, make_user
from tests.notifications.services import Sns, always, once, refuse, run_worker

pytestmark = pytest.mark.django_db(transaction=True)

Mailbox = list[dict[str, str]]

OUTAGE = always("Publish", refuse("InternalFailure", "down", 500))


@pytest.fixture(autouse=True)
def _time_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "AT_A_TIME", 60.0)


@pytest.fixture
def channel() -> CommunicationChannel:
    return make_channel(make_user(), "sheldon@example.com")


@pytest.fixture
def number() -> CommunicationChannel:
    return make_channel(make_user(), "+16265550100", "sms")


def make_created(channel: CommunicationChannel, **fields: Any) -> Message:
    return make_message(channel.user, channel, workflow_state="created", **fields)


def state_of(message: Message) -> str:
    message.refresh_from_db()
    return message.workflow_state


def test_a_message_is_sent_once(channel: CommunicationChannel, mailbox: Mailbox) -> None:
    message = make_created(channel)
    queue.ask([message.pk])
    queue.ask([message.pk])
    run_worker()
    assert [(mail["to"], mail["subject"]) for mail in mailbox] == [
        ("sheldon@example.com", "The lecture moves")
    ]
    assert state_of(message) == "sent"
    assert message.sent_at is not None


def test_it_is_found_by_what_its_provider_calls_it(channel: CommunicationChannel, mailbox: Mailbox) -> None:
    message = make_created(channel)
    delivery.deliver([message.pk], Turn())
    message.refresh_from_db()
    assert message.provider_id.startswith(f"<m{message.pk}.")


def retire(channel: CommunicationChannel) -> None:
    CommunicationChannel.objects.filter(pk=channel.pk).update(workflow_state="retired")


def bounce(channel: CommunicationChannel) -> None:
    CommunicationChannel.objects.filter(pk=channel.pk).update(bounce_count=1)


def unconfirm(channel: CommunicationChannel) -> None:
    CommunicationChannel.objects.filter(pk=channel.pk).update(workflow_state="unconfirmed")


def delete(channel: CommunicationChannel) -> None:
    CommunicationChannel.objects.filter(pk=channel.pk).delete()


def deactivate(channel: CommunicationChannel) -> None:
    channel.user.workflow_state = "deactivated"
    channel.user.save()


def cancel(channel: CommunicationChannel) -> None:
    dispatch = Message.objects.get().dispatch
    assert dispatch
    dispatch.workflow_state = "cancelled"
    dispatch.save()


def forget(channel: CommunicationChannel) -> None:
    """As a registration message's body is, once none of them waits; then an operator tries one again."""
    Dispatch.objects.update(body="")


@pytest.mark.parametrize(
    ("change", "state"),
    [
        (retire, "cancelled"),
        (unconfirm, "cancelled"),
        (delete, "cancelled"),
        (deactivate, "cancelled"),
        (cancel, "cancelled"),
        (forget, "cancelled"),
        (bounce, "bounced"),
    ],
)
def test_everything_is_looked_at_as_it_is_now(
    channel: CommunicationChannel, mailbox: Mailbox, change: Any, state: str
) -> None:
    message = make_created(channel)
    change(channel)
    delivery.deliver([message.pk], Turn())
    assert (state_of(message), mailbox) == (state, [])


def test_registration_reaches_an_address_that_is_not_confirmed(mailbox: Mailbox) -> None:
    user = make_user(workflow_state="pre_registered")
    channel = make_channel(user, workflow_state="unconfirmed")
    dispatch = make_dispatch(user.home_account, "enrollment_registration")
    message = make_created(channel, dispatch=dispatch)
    delivery.deliver([message.pk], Turn())
    assert (state_of(message), len(mailbox)) == ("sent", 1)


def test_it_goes_to_where_the_channel_leads_now(channel: CommunicationChannel, mailbox: Mailbox) -> None:
    message = make_created(channel)
    channel.address = "new@example.com"
    channel.save()
    delivery.deliver([message.pk], Turn())
    assert [mail["to"] for mail in mailbox] == ["new@example.com"]
    message.refresh_from_db()
    assert message.address == "new@example.com"


@pytest.mark.parametrize("state", ["staged", "sent", "cancelled", "bounced", "closed", "transmission_error"])
def test_only_what_is_to_be_sent_is(channel: CommunicationChannel, mailbox: Mailbox, state: str) -> None:
    message = make_message(channel.user, channel, workflow_state=state)
    delivery.deliver([message.pk], Turn())
    assert (state_of(message), mailbox) == (state, [])


class TestFailures:
    def test_a_passing_one_waits_for_another_try(self, number: CommunicationChannel, sns: Sns) -> None:
        sns.script = OUTAGE
        message = make_created(number)
        delivery.deliver([message.pk], Turn())
        assert (state_of(message), message.waits_for, message.attempts) == ("staged", "retry", 1)
        assert message.due_at is not None
        assert timezone.now() < message.due_at < timezone.now() + timedelta(seconds=10)
        assert "InternalFailure" in message.failure

    def test_the_next_try_sends_it(self, number: CommunicationChannel, sns: Sns) -> None:
        sns.script = once("Publish", refuse("InternalFailure", "down", 500))
        message = make_created(number)
        delivery.deliver([message.pk], Turn())
        Message.objects.update(due_at=timezone.now())
        waiting.collect()
        run_worker()
        assert (state_of(message), message.failure, message.due_at) == ("sent", "", None)

    def test_tries_are_bounded(self, number: CommunicationChannel, sns: Sns) -> None:
        sns.script = OUTAGE
        message = make_created(number, attempts=MAX_TRIES - 1)
        delivery.deliver([message.pk], Turn())
        assert state_of(message) == "transmission_error"

    def test_a_permanent_one_is_final_and_tells_why(self, number: CommunicationChannel, sns: Sns) -> None:
        sns.script = always("Publish", refuse("OptedOut", "opted out"))
        message = make_created(number)
        delivery.deliver([message.pk], Turn())
        assert (state_of(message), message.due_at) == ("transmission_error", None)
        assert "OptedOut" in message.failure
        assert number.address not in message.failure

    def test_one_keeps_none_of_the_others(
        self, channel: CommunicationChannel, number: CommunicationChannel, sns: Sns, mailbox: Mailbox
    ) -> None:
        sns.script = OUTAGE
        delivery.deliver([make_created(number).pk, make_created(channel).pk], Turn())
        assert len(mailbox) == 1

    def test_operators_see_them_and_try_again(self, number: CommunicationChannel, sns: Sns) -> None:
        sns.script = once("Publish", refuse("OptedOut", "opted out"))
        message = make_created(number)
        delivery.deliver([message.pk], Turn())
        [shown] = deliveries.undelivered(10)
        assert (shown.kind, shown.id, shown.state) == ("message", message.pk, "transmission_error")
        assert number.address not in shown.to
        assert deliveries.retry("message", message.pk)
        run_worker()
        assert state_of(message) == "sent"


class TestWorkersThatDie:
    def test_what_it_was_sending_is_sent_once_its_claim_has_run_out(
        self, channel: CommunicationChannel, mailbox: Mailbox
    ) -> None:
        message = make_message(channel.user, channel, workflow_state="sending")
        for seconds, mails in ((-5, 0), (5, 1)):
            claimed = waiting.CLAIMED + timedelta(seconds=seconds)
            Message.objects.update(updated_at=timezone.now() - claimed)
            delivery.deliver([message.pk], Turn())  # its job, which another worker took over
            waiting.collect()
            run_worker()
            assert len(mailbox) == mails
        assert state_of(message) == "sent"

    def test_a_claim_of_another_keeps_none_of_the_others(
        self, channel: CommunicationChannel, mailbox: Mailbox
    ) -> None:
        claimed = make_message(channel.user, channel, workflow_state="sending")
        message = make_created(channel)
        delivery.deliver([claimed.pk, message.pk], Turn())
        assert (state_of(message), state_of(claimed)) == ("sent", "sending")

    def test_what_is_sent_twice_has_one_message_id(
        self, channel: CommunicationChannel, mails: list[EmailMessage]
    ) -> None:
        message = make_created(channel)
        delivery.deliver([message.pk], Turn())
        Message.objects.update(workflow_state="created")  # as if it had died before it wrote that down
        delivery.deliver([message.pk], Turn())
        first, second = mails
        assert first["Message-ID"] == second["Message-ID"] == message_id(f"m{message.pk}")


def test_a_job_stops_after_a_while_and_asks_for_the_rest(
    channel: CommunicationChannel, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "AT_A_TIME", 0.0)
    messages = [make_created(channel) for _ in range(3)]
    delivery.deliver([message.pk for message in messages], Turn())
    assert len(mailbox) == 1
    [job] = ProcrastinateJob.objects.filter(status="todo")
    assert job.args["message_ids"] == [message.pk for message in messages[1:]]
    assert job.priority < 0
    run_worker()
    assert len(mailbox) == 3
