"""A mail server that refuses an address while it is spoken to: a bounce, though nobody reports it later."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from channels_api.messages import confirmations, password_resets
from channels_api.models import AuditEntry, CommunicationChannel, Confirmation
from notifications.messages import delivery
from notifications.worker.turns import Turn
from tests.factories import load_catalogue, make_channel, make_message, make_user
from tests.notifications.diagnosis.smtp import Handler, mail_server
from tests.notifications.services import run_worker

pytestmark = pytest.mark.django_db(transaction=True)

ADDRESS = "Penny@caltech.edu"
UNKNOWN = "550 5.1.1 <penny@caltech.edu>: User unknown"


@pytest.fixture
def server(settings: Settings) -> Iterator[Handler]:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    handler = Handler()
    with mail_server(handler) as port:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
        yield handler


@pytest.fixture
def channel() -> CommunicationChannel:
    load_catalogue()
    return make_channel(make_user(login="penny"), ADDRESS)


def bounces(channel: CommunicationChannel) -> tuple[int, str | None]:
    channel.refresh_from_db()
    return channel.bounce_count, channel.last_bounce_summary


def send(channel: CommunicationChannel) -> str:
    message = make_message(channel.user, channel, workflow_state="created")
    delivery.deliver([message.pk], Turn())
    message.refresh_from_db()
    return message.workflow_state


def test_its_channels_bounce_whoever_they_are(channel: CommunicationChannel, server: Handler) -> None:
    others = make_channel(make_user(), ADDRESS.lower()), make_channel(channel.user, "penny@home.example")
    server.refuses_recipient = UNKNOWN
    assert send(channel) == "bounced"
    assert [bounces(each) for each in (channel, *others)] == [(1, UNKNOWN), (1, UNKNOWN), (0, None)]
    assert AuditEntry.objects.filter(action="bounce").count() == 2
    server.refuses_recipient = ""
    assert (send(channel), send(others[1])) == ("bounced", "sent")
    assert len(server.received) == 1


@pytest.mark.parametrize(
    ("step", "answer", "counts"),
    [
        ("refuses_recipient", "550 no such user here", True),
        ("refuses_recipient", "553 5.1.3 Bad address", True),
        ("refuses_data", "550 5.1.1 User unknown", True),
        ("refuses_recipient", "550 5.7.1 Relaying denied", False),
        ("refuses_recipient", "552 5.2.2 Mailbox full", False),
        ("refuses_recipient", "450 4.2.0 Greylisted", False),
        ("refuses_data", "554 5.7.26 Unauthenticated mail", False),
        ("refuses_recipient", "550 5.7.1 No such user!", True),
        ("refuses_recipient", "550 5.1.0 Sender address rejected: User unknown", False),
        ("sender_refused", "550 5.1.8 Sender unknown", False),
    ],
)
def test_only_a_mailbox_that_is_not_there_counts(
    channel: CommunicationChannel, server: Handler, step: str, answer: str, counts: bool
) -> None:
    setattr(server, step, answer)
    assert send(channel) == ("bounced" if counts else "staged")
    assert bounces(channel)[0] == int(counts)


def test_a_confirmation(server: Handler) -> None:
    channel = make_channel(make_user(), ADDRESS, workflow_state="unconfirmed")
    assert confirmations.resend(channel)
    server.refuses_recipient = UNKNOWN
    run_worker()
    assert Confirmation.objects.get().workflow_state == "failed"
    assert bounces(channel) == (1, UNKNOWN)
    assert not confirmations.resend(channel)


def test_a_password_reset(channel: CommunicationChannel, server: Handler) -> None:
    server.refuses_recipient = UNKNOWN
    password_resets.request("penny")
    run_worker()
    assert bounces(channel) == (1, UNKNOWN)
