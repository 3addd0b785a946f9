"""What somebody waits for at a screen comes before what goes to thousands."""

import threading

import pytest
from django.db import connection
from pytest_django import Settings

from canvas_channels.demo.standins import start_smtp
from channels_api.messages import confirmations
from channels_api.models import CommunicationChannel
from notifications.messages import queue
from notifications.messages.models import Message
from tests.factories import make_channel, make_user
from tests.notifications.services import run_worker

pytestmark = pytest.mark.django_db(transaction=True)

WAITING = 50_000
MEANWHILE = WAITING // 5  # of the bulk may be sent; about what jobs that were begun take along
WORKERS = 2
PATIENCE = 120.0


class Person(threading.Thread):
    """Asks for a confirmation once the bulk has begun, and ends the bulk once it is there."""

    def __init__(self, channel: CommunicationChannel) -> None:
        super().__init__()
        self.channel = channel
        self.begun, self.arrived = threading.Event(), threading.Event()
        self.others, self.meanwhile = 0, WAITING

    def see(self, mail: dict[str, str]) -> None:
        if mail["to"] == self.channel.address:
            self.arrived.set()
        else:
            self.others += 1
            self.begun.set()

    def run(self) -> None:
        self.begun.wait(PATIENCE)
        confirmations.resend(self.channel)
        before = self.others
        self.arrived.wait(PATIENCE)
        self.meanwhile = self.others - before
        Message.objects.update(workflow_state="cancelled")
        with connection.cursor() as cursor:
            cursor.execute("UPDATE procrastinate_jobs SET status = 'cancelled' WHERE status = 'todo'")
        connection.close()


def test_a_confirmation_overtakes_a_bulk_that_is_being_sent(settings: Settings) -> None:
    user = make_user()
    channel = make_channel(user, "bulk@example.com")
    row = {"user": user, "channel": channel, "account": user.home_account, "address": channel.address}
    rows = (Message(type="email", subject="Bulk", body="Bulk", **row) for _ in range(WAITING))
    queue.ask([message.pk for message in Message.objects.bulk_create(rows, batch_size=5000)])
    person = Person(make_channel(make_user(), "person@example.com", workflow_state="unconfirmed"))
    server = start_smtp(0, person.see)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    person.start()
    try:
        run_worker(WORKERS)
    finally:
        person.join()
        server.stop()
    assert person.arrived.is_set()
    assert person.meanwhile < MEANWHILE
