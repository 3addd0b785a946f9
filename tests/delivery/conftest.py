from collections.abc import Iterator

import pytest
from django.db import connection
from moto.sns.models import sns_backends
from pytest_django import Settings

from canvas_channels.demo.standins import start_smtp
from tests.delivery.services import Sns


@pytest.fixture(autouse=True)
def _empty_queue(transactional_db: None) -> None:
    """Django does not empty the queue's tables after a test: their models are not managed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE procrastinate_jobs, procrastinate_workers, procrastinate_periodic_defers CASCADE"
        )


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
    sns_backends.reset()  # moto's state belongs to the process, not to the server
    server = Sns()
    monkeypatch.setenv("AWS_ENDPOINT_URL_SNS", server.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    settings.SNS_TIMEOUT = 2 + server.port / 1e6  # its own, so that no client of another test serves
    yield server
    server.stop()
