from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.sns.models import sns_backends
from pytest_django import Settings

from canvas_channels.demo.standins import start_smtp
from notifications.gateways import certificates
from tests.notifications import providers
from tests.notifications.providers import Authority, CertificateServer, SnsSigner
from tests.notifications.services import Sns


@pytest.fixture(autouse=True)
def _committed(transactional_db: None) -> None:
    """A worker has a connection of its own, which sees only what was committed."""


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
    settings.SNS_TIMEOUT = 30 + server.port / 1e6  # its own, so that no client of another test serves
    yield server
    server.stop()


@pytest.fixture
def webhooks(settings: Settings) -> None:
    """Every provider's webhook is set up."""
    settings.WEBHOOK_SECRETS = [providers.SECRET]
    settings.SNS_TOPIC_ARNS = [providers.TOPIC]
    settings.ANYMAIL = {
        "MAILGUN_WEBHOOK_SIGNING_KEY": providers.MAILGUN_KEY,
        "SENDGRID_TRACKING_WEBHOOK_VERIFICATION_KEY": providers.sendgrid_verification_key(),
    }


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def certificate_server(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[CertificateServer]:
    """Stands for Amazon's, which only an operating system that trusts another authority could."""
    with providers.certificate_server(authority, tmp_path) as server:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.bundle))
        trusting = certificates.CertificateSource(lambda url: url.startswith(f"{server.url}/"))
        monkeypatch.setattr(certificates, "source", trusting)
        yield server


@pytest.fixture
def signer(webhooks: None, authority: Authority, certificate_server: CertificateServer) -> SnsSigner:
    return SnsSigner(authority, certificate_server)
