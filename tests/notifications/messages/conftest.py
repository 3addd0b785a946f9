from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from pytest_django import Settings

from canvas_channels.demo.standins import SmtpServer
from tests.factories import load_catalogue


class _Whole(SmtpServer):
    """Keeps messages whole, with their headers."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        super().__init__(0, lambda _message: None)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@pytest.fixture(autouse=True)
def _catalogue(transactional_db: None) -> None:
    load_catalogue()


@pytest.fixture
def mails(settings: Settings) -> Iterator[list[EmailMessage]]:
    """The messages that a mail server took, as it got them."""
    server = _Whole()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    yield server.mails
    server.stop()
