"""``manage.py check_email`` against mail servers of every kind, and against providers' settings."""

import asyncio
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from tests import ROOT
from tests.commands import failing, run
from tests.documents import commands, manage
from tests.live import free_port
from tests.notifications import providers
from tests.notifications.diagnosis.names import name_server
from tests.notifications.diagnosis.smtp import PASSWORD, USER, Handler, Rude, Silent, listening, mail_server
from tests.notifications.providers import Authority

NAMES = {
    ("example.com", "MX"): ["10 mail.example.com."],
    ("example.com", "TXT"): ['"v=spf1 mx -all"'],
    ("mail._domainkey.example.com", "TXT"): ['"k=ed25519; p=abc="'],
    ("_dmarc.example.com", "TXT"): ['"v=DMARC1; p=reject"'],
}
POSTMARK = "anymail.backends.postmark.EmailBackend"


@pytest.fixture(autouse=True)
def _well_set(settings: Settings) -> Iterator[None]:
    """All but the mail server."""
    settings.PUBLIC_URL = "https://channels.example.com"
    settings.ALLOWED_HOSTS = ["channels.example.com"]
    settings.DEFAULT_FROM_EMAIL = "Channels <channels@example.com>"
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_TIMEOUT = 5
    with name_server(NAMES) as where:
        settings.DNS_SERVERS = [where]
        yield


@pytest.fixture
def certificate(authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A mail server's, by an authority that this machine trusts."""
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return providers.server_context(authority, tmp_path)


def use(settings: Settings, port: int, **others: object) -> None:
    settings.EMAIL_HOST, settings.EMAIL_PORT = "localhost", port
    for name, value in others.items():
        setattr(settings, f"EMAIL_{name}", value)


def test_a_server_that_takes_mail_is_all_well(settings: Settings) -> None:
    handler = Handler()
    with mail_server(handler) as port:
        use(settings, port)
        said = run("check_email")
    assert "sender: the server takes mail from channels@example.com" in said
    assert "All is well" in said
    assert handler.received == []


def test_the_documented_commands_try_and_send(settings: Settings) -> None:
    handler = Handler()
    [check] = commands("docs/providers.md", "Email")
    with mail_server(handler) as port:
        use(settings, port)
        said = [run(*line) for line in manage(check)]
    assert ["All is well" in output for output in said] == [True, True, True]
    assert len(handler.received) == 1


def test_a_message_is_really_sent_where_it_is_asked_for(settings: Settings) -> None:
    handler = Handler()
    with mail_server(handler) as port:
        use(settings, port)
        said = run("check_email", "--to", "sheldon@example.com")
    assert [message.rcpt_tos for message in handler.received] == [["sheldon@example.com"]]
    assert "taken for s…@example.com" in said
    assert "sheldon@example.com" not in said


def test_starttls_and_a_login_are_tried(settings: Settings, certificate: ssl.SSLContext) -> None:
    with mail_server(Handler(), starttls=certificate, login=True) as port:
        use(settings, port, USE_TLS=True, HOST_USER=USER, HOST_PASSWORD=PASSWORD)
        said = run("check_email")
    assert "TLS: STARTTLS, with a certificate that is trusted" in said
    assert "login: as c…" in said
    assert PASSWORD not in said


def test_tls_from_the_start_is_tried(settings: Settings, certificate: ssl.SSLContext) -> None:
    with mail_server(Handler(), tls=certificate) as port:
        use(settings, port, USE_SSL=True)
        assert "by TLS from the start" in run("check_email")


def test_a_wrong_password(settings: Settings, certificate: ssl.SSLContext) -> None:
    with mail_server(Handler(), starttls=certificate, login=True) as port:
        use(settings, port, USE_TLS=True, HOST_USER=USER, HOST_PASSWORD="wrong")
        said = failing("check_email")
    assert "login: the server refuses user and password (535)" in said
    assert "percent-encode" in said


def test_a_login_that_is_missing(settings: Settings, certificate: ssl.SSLContext) -> None:
    with mail_server(Handler(), starttls=certificate, login=True) as port:
        use(settings, port, USE_TLS=True)
        said = failing("check_email")
    assert "the server wants a login first (530" in said
    assert "Put user and password into EMAIL_URL" in said


def test_a_login_that_the_server_does_not_know(settings: Settings) -> None:
    with mail_server(Handler()) as port:
        use(settings, port, HOST_USER=USER, HOST_PASSWORD=PASSWORD)
        assert "the server offers no login here" in failing("check_email")


def test_a_certificate_of_an_unknown_authority(
    settings: Settings, certificate: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with mail_server(Handler(), starttls=certificate) as port:
        use(settings, port, USE_TLS=True)
        assert "the certificate is not trusted" in failing("check_email")


def test_starttls_that_is_not_offered(settings: Settings) -> None:
    with mail_server(Handler()) as port:
        use(settings, port, USE_TLS=True)
        said = failing("check_email")
    assert "offers no STARTTLS" in said
    assert said.count("\nwrong ") == 1


def test_starttls_that_is_not_used_is_a_warning(settings: Settings, certificate: ssl.SSLContext) -> None:
    with mail_server(Handler(), starttls=certificate) as port:
        use(settings, port)
        assert "Add ?tls=True to EMAIL_URL" in run("check_email")


def test_tls_on_a_port_that_speaks_none(settings: Settings) -> None:
    with mail_server(Handler()) as port:
        use(settings, port, USE_SSL=True)
        assert "does not speak TLS as asked" in failing("check_email")


def test_a_sender_that_is_refused(settings: Settings) -> None:
    with mail_server(Handler("553 5.7.1 Sender address rejected: not owned by user")) as port:
        use(settings, port)
        said = failing("check_email")
    assert "takes no mail from channels@example.com (553 5.7.1 Sender address rejected" in said
    assert "DEFAULT_FROM_EMAIL" in said


def test_nothing_listens(settings: Settings) -> None:
    use(settings, free_port())
    said = failing("check_email")
    assert "nothing listens at localhost:" in said
    assert "EMAIL_URL" in said


@pytest.mark.parametrize(
    ("protocol", "words"), [(Silent, "does not answer within 0.3 s"), (Rude, "hangs up without a greeting")]
)
def test_a_server_that_says_nothing(protocol: type[asyncio.Protocol], words: str, settings: Settings) -> None:
    settings.EMAIL_TIMEOUT = 0.3
    with listening(protocol) as port:
        use(settings, port)
        assert words in failing("check_email")


def test_a_host_that_does_not_exist(settings: Settings) -> None:
    settings.EMAIL_HOST = "mail.invalid"
    assert "no address of 'mail.invalid' is known" in failing("check_email")


@pytest.mark.parametrize("kind", ["console", "dummy", "filebased", "locmem"])
def test_a_backend_that_sends_nothing(kind: str, settings: Settings, tmp_path: Path) -> None:
    settings.EMAIL_BACKEND = f"django.core.mail.backends.{kind}.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path)
    assert "sends nothing to anybody" in failing("check_email")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"PUBLIC_URL": "https://channels.example.com/channels"}, "more than a scheme and a host"),
        ({"ALLOWED_HOSTS": ["other.example.com"]}, "ALLOWED_HOSTS leaves channels.example.com out"),
        ({"DEFAULT_FROM_EMAIL": "Channels"}, "is no address"),
    ],
)
def test_links_and_senders_that_are_none(changed: dict[str, Any], words: str, settings: Settings) -> None:
    for name, value in changed.items():
        setattr(settings, name, value)
    settings.EMAIL_HOST = "mail.invalid"
    assert words in failing("check_email")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"PUBLIC_URL": "http://channels.example.com"}, "say https in PUBLIC_URL"),
        ({"PUBLIC_URL": "http://localhost:8000", "ALLOWED_HOSTS": ["localhost"]}, "this machine only"),
        ({"DEFAULT_FROM_EMAIL": "notifications@localhost"}, "nobody outside can answer"),
    ],
)
def test_links_and_senders_to_look_at(changed: dict[str, Any], words: str, settings: Settings) -> None:
    for name, value in changed.items():
        setattr(settings, name, value)
    with mail_server(Handler()) as port:
        use(settings, port)
        assert words in run("check_email")


def provider(settings: Settings, url: str, backend: str = POSTMARK, **anymail: str) -> None:
    settings.EMAIL_BACKEND = backend
    settings.ANYMAIL = {"POSTMARK_SERVER_TOKEN": "token", "POSTMARK_API_URL": url, **anymail}


def test_a_provider_without_its_key(settings: Settings) -> None:
    settings.EMAIL_BACKEND, settings.ANYMAIL = POSTMARK, {}
    said = failing("check_email")
    assert "POSTMARK_SERVER_TOKEN" in said
    assert "put what is missing into ANYMAIL" in said


def test_a_backend_that_does_not_exist(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "anymail.backends.postmarkk.EmailBackend"
    assert "does not start" in failing("check_email")


def test_a_provider_that_is_not_reached(settings: Settings) -> None:
    provider(settings, f"http://127.0.0.1:{free_port()}/")
    assert "is not reached (ConnectionError)" in failing("check_email")


def test_a_provider_that_refuses_the_key(settings: Settings, http_answers: Any) -> None:
    provider(settings, http_answers(401, b'{"ErrorCode": 10, "Message": "Bad or missing Server API token."}'))
    said = failing("check_email", "--to", "sheldon@example.com")
    assert "Bad or missing Server API token" in said
    assert "Correct the provider's key in ANYMAIL" in said
    assert "sheldon@example.com" not in said


def test_a_provider_whose_bounces_nobody_hears(settings: Settings, http_answers: Any) -> None:
    provider(settings, http_answers(200, b""))
    settings.WEBHOOK_SECRETS = []
    assert "have the provider report to https://channels.example.com/webhooks/postmark" in run("check_email")


@pytest.mark.parametrize(
    ("backend", "anymail", "words"),
    [
        ("mailgun", {"MAILGUN_API_KEY": "key"}, "MAILGUN_WEBHOOK_SIGNING_KEY"),
        ("amazon_ses", {}, "believes no topic"),
    ],
)
def test_a_webhook_that_would_refuse_everything(
    backend: str, anymail: dict[str, str], words: str, settings: Settings, http_answers: Any
) -> None:
    url = http_answers(200, b"")
    provider(settings, url, f"anymail.backends.{backend}.EmailBackend", MAILGUN_API_URL=url, **anymail)
    settings.WEBHOOK_SECRETS, settings.SNS_TOPIC_ARNS = [providers.SECRET], []
    assert words in failing("check_email")


@pytest.mark.parametrize("given", ["nobody", "a@b@c"])
def test_an_address_that_is_none_is_status_2(given: str) -> None:
    command = [sys.executable, "manage.py", "check_email", "--to", given]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "is not a valid email address" in done.stderr
