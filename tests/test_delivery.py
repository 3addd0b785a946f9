"""Confirmations through the queue, a real worker and real servers on loopback."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import transaction
from pytest_django import Settings

from canvas_channels.demo.standins import start_smtp
from channels_api import confirmations
from channels_api.models import CommunicationChannel, Confirmation
from notifications.retry import MAX_TRIES
from tests.delivery import Sns, always, jobs, make_due, refuse, run_worker
from tests.factories import make_account, make_channel, make_user

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def mailbox(settings: Settings) -> Iterator[list[dict[str, str]]]:
    received: list[dict[str, str]] = []
    server = start_smtp(0, received.append)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    yield received
    server.stop()


@pytest.fixture
def sns(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sns]:
    server = Sns()
    monkeypatch.setenv("AWS_ENDPOINT_URL_SNS", server.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    yield server
    server.stop()


def request(type_: str = "email", **user: Any) -> Confirmation:
    address = "new@example.com" if type_ == "email" else "+16265550100"
    channel = make_channel(make_user(**user), address, type_, "unconfirmed")
    with transaction.atomic():
        confirmation = confirmations.request_confirmation(channel)
    assert confirmation is not None
    return confirmation


def test_the_mail_has_the_link_and_the_link_confirms(mailbox: list[dict[str, str]]) -> None:
    confirmation = request()
    run_worker()
    [mail] = mailbox
    found = re.search(r"http://127\.0\.0\.1:8000/register/(\S+)", mail["body"])
    assert found
    assert found[0] in mail["html"]
    assert (mail["to"], mail["subject"]) == ("new@example.com", "Confirm your email address for Default")
    assert confirmations.confirm_email(found[1]).pk == confirmation.channel_id
