from collections.abc import Iterator

import pytest
from pytest_django import Settings

from canvas_channels.demo.standins import start_smtp
from tests.delivery.services import Sns


@pytest.fixture
def mailbox(settings: Settings) -> Iterator[list[dict[str, str]]]:
    """The messages that a mail server took."""
    received: list[dict[str, str]] = []
    server = start_smtp(0, received.append)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    yield received
    server.stop()


@pytest.fixture
def sns(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[Sns]:
    server = Sns()
    monkeypatch.setenv("AWS_ENDPOINT_URL_SNS", server.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    settings.SNS_TIMEOUT = (
        2 + server.port / 1e6
    )  # of its own, so that no client of another test is used again
    yield server
    server.stop()
