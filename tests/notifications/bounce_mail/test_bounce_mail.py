"""Bounces and complaints that come back by mail, from the message's return path to the channel's count."""

import io
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from channels_api.models import CommunicationChannel, Confirmation, SecurityNotice
from notifications.bounce_mail import reading, receiving
from notifications.bounce_mail.recipients import address_behind
from notifications.gateways import TransportError, email, mailers
from notifications.gateways.envelopes import message_id, return_path
from notifications.tasks import collect_bounces
from tests.commands import run
from tests.documents import commands, manage
from tests.factories import load_catalogue, make_channel, make_message, make_security_notice, make_user
from tests.notifications.bounce_mail.dovecot import PASSWORD, USER, Dovecot
from tests.notifications.bounce_mail.messages import complaint, exim, qmail, report, vacation
from tests.notifications.diagnosis.smtp import Handler, mail_server
from tests.programs import need

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _domain(settings: Settings) -> None:
    settings.BOUNCE_DOMAIN = "bounces.example.edu"


@pytest.fixture
def channel() -> CommunicationChannel:
    return make_channel(make_user(), "somebody@example.net")


@pytest.fixture
def path(channel: CommunicationChannel) -> str:
    return return_path(f"h{channel.pk}")


def counted(channel: CommunicationChannel) -> tuple[int, bool]:
    """Permanent bounces, and whether there was a transient one."""
    channel.refresh_from_db()
    return channel.bounce_count, channel.last_transient_bounce_at is not None


class TestReturnPath:
    def test_it_names_what_was_sent(self, channel: CommunicationChannel) -> None:
        load_catalogue()
        asked = Confirmation.objects.create(
            channel=channel, user=channel.user, address_folded="new@example.net"
        )
        told = make_security_notice(channel.user, "old@example.net")
        message = make_message(channel.user, channel)
        found = [
            address_behind(return_path(row))
            for row in (f"c{asked.pk}", f"n{told.pk}", f"m{message.pk}", f"h{channel.pk}")
        ]
        assert found == ["new@example.net", "old@example.net", "somebody@example.net", "somebody@example.net"]
        SecurityNotice.objects.all().delete()
        assert address_behind(return_path(f"n{told.pk}")) is None

    def test_mail_servers_may_change_its_case(self, path: str) -> None:
        assert address_behind(path.upper()) == "somebody@example.net"

    def test_it_fits_into_a_local_part(self) -> None:
        local, _, _ = return_path(f"m{10**18 - 1}").partition("@")
        assert len(local) <= 64

    @pytest.mark.parametrize(
        "change",
        [
            lambda path: path.replace("bounce-h", "bounce-m"),
            lambda path: path.replace("bounce-h", "bounce-h1"),
            lambda path: path.replace("@bounces.", "@other."),
            lambda path: path[:-25] + "a" * 5 + path[-20:],
            lambda path: "",
            lambda path: "bounce-h1-@bounces.example.edu",
            lambda path: path.replace("bounce-h", "bounce-z"),
        ],
    )
    def test_forged(self, path: str, change: Any) -> None:
        assert change(path) != path
        assert address_behind(change(path)) is None

    def test_an_older_key_still_counts(self, path: str, settings: Settings) -> None:
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = "another" * 8
        assert address_behind(path) == "somebody@example.net"
        settings.SECRET_KEY_FALLBACKS = []
        assert address_behind(path) is None

    def test_without_a_domain_there_is_none(self, channel: CommunicationChannel, settings: Settings) -> None:
        settings.BOUNCE_DOMAIN = ""
        assert return_path(f"h{channel.pk}") == ""


class TestSending:
    """What leaves by SMTP comes back to its own address; readers see the service's."""

    @pytest.mark.parametrize("domain", ["bounces.example.edu", ""])
    def test_the_envelope(self, channel: CommunicationChannel, settings: Settings, domain: str) -> None:
        settings.BOUNCE_DOMAIN = domain
        settings.DEFAULT_FROM_EMAIL = "Channels <channels@example.edu>"
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        handler = Handler()
        with mail_server(handler) as port:
            settings.EMAIL_HOST, settings.EMAIL_PORT = "localhost", port
            email.send(channel.address, lambda: email.Email("News", "text", "<p>text</p>"), f"h{channel.pk}")
            mailers.forget()
        [sent] = handler.received
        assert isinstance(sent.content, bytes)
        message = message_from_bytes(sent.content)
        assert message["From"] == "Channels <channels@example.edu>"
        assert message["Auto-Submitted"] == "auto-generated"
        assert sent.mail_from == (return_path(f"h{channel.pk}") if domain else "channels@example.edu")

    def test_a_message_id_is_the_same_each_time(self, settings: Settings) -> None:
        settings.DEFAULT_FROM_EMAIL = "Channels <channels@example.edu>"
        assert message_id("m1") == message_id("m1") != message_id("m2")
        assert message_id("m1").endswith("@example.edu>")


class TestReading:
    @pytest.mark.parametrize(
        ("fields", "outcome"),
        [
            ({}, (1, False)),
            ({"status": "5.2.2", "diagnostic": "smtp; 552 5.2.2 Mailbox full"}, (0, True)),
            ({"status": "5.7.1", "diagnostic": "smtp; 550 5.7.1 Blocked by policy"}, (0, True)),
            ({"status": "4.4.7", "diagnostic": "smtp; 451 4.4.7 Delivery time expired"}, (0, True)),
            ({"status": "5.0.0", "diagnostic": "smtp; 550 Unknown user"}, (1, False)),
            ({"status": "5.0.0", "diagnostic": "smtp; 550 Sender verify failed: no such user"}, (0, True)),
            ({"status": "5.0.0", "diagnostic": "x-local; retry timeout exceeded"}, (0, True)),
            ({"status": "5.0.0", "diagnostic": ""}, (0, True)),
            ({"status": "5.1.1", "diagnostic": 'x-postfix; unknown user: "somebody"'}, (1, False)),
            ({"action": "delayed", "status": "4.2.0", "diagnostic": "smtp; 450 4.2.0 Busy"}, (0, True)),
            ({"action": "delivered", "status": "2.0.0", "diagnostic": "smtp; 250 OK"}, (0, False)),
            ({"action": "relayed", "status": "2.0.0", "diagnostic": "smtp; 250 OK"}, (0, False)),
        ],
    )
    def test_delivery_reports(
        self, channel: CommunicationChannel, path: str, fields: dict[str, str], outcome: tuple[int, bool]
    ) -> None:
        receiving.receive(report(path, **fields))
        assert counted(channel) == outcome

    def test_time_and_summary_are_the_reports(self, channel: CommunicationChannel, path: str) -> None:
        receiving.receive(report(path, date="Fri, 27 Nov 2026 10:00:00 +0100"))
        channel.refresh_from_db()
        assert channel.last_bounce_at == datetime(2026, 11, 27, 9, tzinfo=UTC)
        assert channel.last_bounce_summary == "550 5.1.1 <somebody@example.net>: User unknown"

    def test_the_same_report_counts_once(self, channel: CommunicationChannel, path: str) -> None:
        for _ in range(2):
            receiving.receive(report(path))
        assert counted(channel) == (1, False)

    @pytest.mark.parametrize("in_report", [True, False])
    def test_complaints(self, channel: CommunicationChannel, path: str, in_report: bool) -> None:
        assert receiving.receive(complaint(path, in_report=in_report))
        assert counted(channel) == (1, False)
        assert channel.last_bounce_summary == "complaint: abuse"

    def test_that_it_was_no_spam_is_no_complaint(self, channel: CommunicationChannel, path: str) -> None:
        assert not receiving.receive(complaint(path, "not-spam"))
        assert counted(channel) == (0, False)

    def test_other_forms(self, channel: CommunicationChannel, path: str) -> None:
        assert receiving.receive(qmail(path))
        assert counted(channel) == (1, False)

    @pytest.mark.parametrize(
        ("reason", "outcome"),
        [
            ("Remote host said: 550 5.1.1 User unknown", (1, False)),
            ("Remote host said: 550 no", (1, False)),
            ("User does not exist", (1, False)),
            ("Remote host said: 550 5.7.1 blocked", (0, True)),
            ("Remote host said: 550 sender address rejected: user unknown", (0, True)),
            ("Remote host said: 552 5.2.2 mailbox full", (0, True)),
            ("I'm not going to try again; this message has been in the queue too long. (#4.4.1)", (0, True)),
            ("Unable to connect. It has been in the queue too long.", (0, True)),
            ("", (0, True)),
        ],
    )
    @pytest.mark.parametrize("make", [qmail, exim])
    def test_what_a_notice_says_counts(
        self, channel: CommunicationChannel, path: str, make: Any, reason: str, outcome: tuple[int, bool]
    ) -> None:
        assert receiving.receive(make(path, reason))
        assert counted(channel) == outcome

    def test_a_notice_in_an_unknown_charset(self, channel: CommunicationChannel, path: str) -> None:
        content = qmail(path).replace(b"\n\n", b"\nContent-Type: text/plain; charset=none\n\n", 1)
        assert receiving.receive(content)
        assert counted(channel)[0] <= 1

    def test_people_who_are_away_do_not_bounce(self, channel: CommunicationChannel, path: str) -> None:
        assert not receiving.receive(vacation(path))
        assert counted(channel) == (0, False)

    @pytest.mark.parametrize("make", [report, complaint, qmail])
    def test_what_is_forged_changes_nothing(
        self, channel: CommunicationChannel, path: str, make: Any
    ) -> None:
        forged = path.replace("bounce-h", "bounce-h9")
        assert not receiving.receive(make(forged))
        assert not receiving.receive(make("somebody@example.net"))
        assert counted(channel) == (0, False)

    def test_the_envelopes_recipient_counts(self, channel: CommunicationChannel, path: str) -> None:
        assert receiving.receive(report("undisclosed@example.edu"), path)
        assert counted(channel) == (1, False)

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"\xff\xfe\x00",
            b"To: \n\n",
            b"Content-Type: multipart/report; boundary=b\n\n--b",
            b"a" * 2**20,
        ],
    )
    def test_nonsense(self, content: bytes) -> None:
        assert reading.read(content) is None

    @pytest.mark.parametrize("date", ["", "yesterday", "Sat, 99 Nov 2026 99:00:00 +9999", "\x00"])
    def test_a_date_that_is_none(self, channel: CommunicationChannel, path: str, date: str) -> None:
        receiving.receive(report(path, date=date))
        assert counted(channel) == (1, False)


class TestPipe:
    def test_the_command(
        self, channel: CommunicationChannel, path: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for content, said in (
            (report(path), "Counted."),
            (vacation(path), "No report of a message of ours."),
        ):
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
            assert run("receive_bounce", path) == f"{said}\n"
        assert counted(channel) == (1, False)


def test_the_documented_command(monkeypatch: pytest.MonkeyPatch) -> None:
    [block] = commands("docs/providers.md", "Bounces by mail")
    [[command, recipient, redirect, _file]] = manage(block)
    assert redirect == "<"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(report(recipient))))
    assert "No report" in run(command, recipient)  # whose signature is an example


class TestMailbox:
    @pytest.fixture
    def dovecot(self, settings: Settings) -> Iterator[Dovecot]:
        need("dovecot")
        folder = tempfile.TemporaryDirectory()  # pytest's own are root's alone
        server = Dovecot(Path(folder.name))
        secret = PASSWORD.replace("@", "%40").replace("/", "%2F")
        user = USER.replace("@", "%40")
        settings.BOUNCE_MAILBOX_URL = f"imap://{user}:{secret}@127.0.0.1:{server.port}/INBOX"
        settings.EMAIL_TIMEOUT = 5
        yield server
        server.stop()
        folder.cleanup()

    def test_reports_are_counted_and_deleted(
        self, dovecot: Dovecot, channel: CommunicationChannel, path: str
    ) -> None:
        for content in (report(path), vacation(path), b"Subject: hello\n\nhello", report("x@example.edu")):
            dovecot.deliver(content)
        collect_bounces.func(timestamp=0)
        assert counted(channel) == (1, False)
        assert len(dovecot.messages()) == 3
        assert receiving.collect() == 0  # those are read

    def test_a_mailbox_that_is_not_there(self, dovecot: Dovecot, settings: Settings) -> None:
        settings.BOUNCE_MAILBOX_URL = settings.BOUNCE_MAILBOX_URL.replace("/INBOX", "/Elsewhere")
        with pytest.raises(TransportError, match="no folder Elsewhere"):
            receiving.collect()
        settings.BOUNCE_MAILBOX_URL = settings.BOUNCE_MAILBOX_URL.replace("p%40ss", "wrong")
        with pytest.raises(TransportError, match="BOUNCE_MAILBOX_URL: error"):
            receiving.collect()
        dovecot.stop()
        with pytest.raises(TransportError, match="ConnectionRefusedError"):
            receiving.collect()

    def test_without_a_mailbox_nothing_is_read(self, settings: Settings) -> None:
        settings.BOUNCE_MAILBOX_URL = ""
        collect_bounces.func(timestamp=0)
