"""Confirmations through the queue, a real worker and real servers on loopback."""

import re
import smtplib
import socket
from typing import Any

import pytest
import requests
from anymail.exceptions import (
    AnymailAPIError,
    AnymailRecipientsRefused,
    AnymailRequestsAPIError,
    AnymailUnsupportedFeature,
)
from django.conf import settings as django_settings
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection
from django.utils import timezone, translation
from django.utils.html import escape
from pytest_django import Settings

from canvas_channels.core.identity.locales import locale_of
from channels_api.channels import confirm, not_me
from channels_api.messages import confirmations
from channels_api.models import CommunicationChannel, Confirmation
from notifications.gateways import TransportError, email
from notifications.worker.retry import LONGEST_WAIT, MAX_TRIES, wait_after
from tests.factories import make_account, make_channel, make_user
from tests.notifications.services import Sns, always, jobs, make_due, once, refuse, run_worker

pytestmark = pytest.mark.django_db(transaction=True)

Mailbox = list[dict[str, str]]
SEND = "notifications.send_confirmation"


def ask(address: str = "new@example.com", type_: str = "email", **user: Any) -> Confirmation:
    channel = make_channel(make_user(**user), address, type_, "unconfirmed")
    assert confirmations.resend(channel)
    return channel.confirmations.get()


def ask_sms() -> Confirmation:
    return ask("+16265550100", "sms")


def refusal_in(text: str) -> str:
    found = re.search(re.escape(django_settings.PUBLIC_URL) + r"/not-me/(\S+)", text)
    assert found
    return found[1]


def code_in(text: str) -> str:
    found = re.search(re.escape(django_settings.PUBLIC_URL) + r"/register/(\S+)", text)
    assert found
    return found[1]


def test_the_mails_link_confirms(mailbox: Mailbox) -> None:
    confirmation = ask()
    run_worker()
    [mail] = mailbox
    assert (mail["to"], mail["subject"]) == ("new@example.com", "Confirm your email address for Default")
    assert code_in(mail["body"]) in mail["html"]
    assert confirm.confirm_email(code_in(mail["body"])).pk == confirmation.channel_id


def test_every_mail_lets_its_reader_refuse(mailbox: Mailbox) -> None:
    confirmation = ask()
    run_worker()
    secret = refusal_in(mailbox[0]["body"])
    assert f"/not-me/{secret}" in mailbox[0]["html"]
    assert not_me.refuse(secret).pk == confirmation.channel_id


def test_every_text_message_lets_its_reader_refuse(sns: Sns) -> None:
    ask_sms()
    run_worker()
    assert not_me.refuse(refusal_in(sns.calls[0]["Message"])).workflow_state == "retired"


def test_nothing_goes_to_an_address_that_bounced_since(mailbox: Mailbox) -> None:
    confirmation = ask()
    make_channel(make_user(), "NEW@example.com", bounce_count=1, last_bounce_at=timezone.now())
    run_worker()
    confirmation.refresh_from_db()
    assert mailbox == []
    assert (confirmation.workflow_state, confirmation.failure) == (
        "failed",
        "messages to this address come back",
    )


def test_what_was_sent_is_marked(mailbox: Mailbox) -> None:
    confirmation = ask()
    run_worker()
    confirmation.refresh_from_db()
    assert confirmation.workflow_state == "sent"
    assert confirmation.sent_at


def test_names_are_escaped_in_html_only(mailbox: Mailbox) -> None:
    ask(name="Tom <b>&", account=make_account("A&B"))
    run_worker()
    assert "Tom <b>&" in mailbox[0]["body"]
    assert "Tom &lt;b&gt;&amp;" in mailbox[0]["html"]
    assert mailbox[0]["subject"].endswith("A&B")


def test_a_line_break_in_a_name_makes_no_header(mailbox: Mailbox) -> None:
    ask(account=make_account("Caltech\r\nBcc: x@example.com"))
    run_worker()
    assert mailbox[0]["subject"] == "Confirm your email address for Caltech Bcc: x@example.com"


@pytest.mark.parametrize(
    ("address", "goes_to"),
    [
        ("new@bücher.example", "new@xn--bcher-kva.example"),
        ("New@FAß.de", "New@xn--fa-hia.de"),  # not to fass.de, where IDNA 2003 sends it
        ("new@βόλος.com", "new@xn--nxasmm1c.com"),
        ('"new"@example.com', "new@example.com"),
        ('"new@home"@faß.de', '"new@home"@xn--fa-hia.de'),
    ],
)
def test_mail_goes_where_idna_2008_says(mailbox: Mailbox, address: str, goes_to: str) -> None:
    ask(address)
    run_worker()
    assert [mail["to"] for mail in mailbox] == [goes_to]
    assert escape(address) in mailbox[0]["html"]


@pytest.mark.parametrize("address", ["new@☃.example", "new@[127.0.0.1]", "new@xn--a.de", "jörg@example.com"])
def test_nothing_goes_to_an_address_that_is_none(mailbox: Mailbox, address: str) -> None:
    """It was stored before the rules were as strict."""
    confirmation = ask(address)
    run_worker()
    confirmation.refresh_from_db()
    assert mailbox == []
    assert confirmation.workflow_state == "failed"
    assert confirmation.failure.startswith(f"{address[0]}…@")
    assert jobs("todo") == []


def test_nothing_goes_to_a_number_that_costs_extra(sns: Sns, settings: Settings) -> None:
    settings.SMS_ALLOWED_COUNTRIES = ["*"]
    confirmation = ask("+19005550199", "sms")
    run_worker()
    confirmation.refresh_from_db()
    assert sns.calls == []
    assert (confirmation.workflow_state, confirmation.failure) == (
        "failed",
        "+1…99: is a premium-rate or toll-free phone number",
    )


def test_a_job_that_runs_twice_sends_once(mailbox: Mailbox) -> None:

    confirmation = ask()
    Confirmation.job.ask([confirmation.pk])
    run_worker()
    assert len(mailbox) == 1


def test_a_channel_that_was_retired_meanwhile_gets_nothing(mailbox: Mailbox) -> None:
    ask()
    CommunicationChannel.objects.update(workflow_state="retired")
    run_worker()
    assert mailbox == []


def test_a_resend_before_the_first_was_sent_sends_one(mailbox: Mailbox) -> None:
    assert confirmations.resend(ask().channel)
    run_worker()
    assert len(mailbox) == 1


def test_a_text_messages_code_confirms(sns: Sns) -> None:
    confirmation = ask_sms()
    run_worker()
    [call] = sns.calls
    assert (call["Action"], call["PhoneNumber"]) == ("Publish", "+16265550100")
    found = re.search(r"\b[0-9]{6}\b", call["Message"])
    assert found
    assert confirm.confirm_sms(confirmation.channel, found[0]).workflow_state == "active"


def test_the_mail_is_in_the_users_language(mailbox: Mailbox) -> None:
    ask(locale="de")
    run_worker()
    assert mailbox[0]["subject"] == "Bestätigen Sie Ihre E-Mail-Adresse für Default"


def test_the_text_message_is_in_the_language_of_the_users_account(sns: Sns) -> None:
    ask("+16265550100", "sms", account=make_account(locale="es"))
    run_worker()
    assert "es su clave para confirmar este teléfono" in sns.calls[0]["Message"]


def test_an_outage_of_the_mail_server_is_a_delay(settings: Settings, mailbox: Mailbox) -> None:
    port = settings.EMAIL_PORT
    with socket.create_server(("127.0.0.1", 0)) as closed:
        settings.EMAIL_PORT = closed.getsockname()[1]
    confirmation = ask()
    run_worker()
    confirmation.refresh_from_db()
    assert (confirmation.workflow_state, confirmation.failure) == (
        "requested",
        "n…@example.com: ConnectionRefusedError",
    )
    settings.EMAIL_PORT = port
    make_due()
    run_worker()
    confirmation.refresh_from_db()
    assert (confirmation.workflow_state, confirmation.failure) == ("sent", "")
    assert confirm.confirm_email(code_in(mailbox[0]["body"])).pk == confirmation.channel_id


def test_a_further_try_in_an_outage_writes_neither_reason_nor_code(
    settings: Settings, mailbox: Mailbox
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        settings.EMAIL_PORT = closed.getsockname()[1]
    confirmation = ask()
    versions = set()
    for _ in range(3):
        make_due()
        run_worker()
        with connection.cursor() as cursor:
            cursor.execute("SELECT xmin, failure FROM channels_api_confirmation")
            versions.add(cursor.fetchone())
    assert len(versions) == 1
    assert not confirmation.codes.exists()


def test_when_tries_run_out_the_reason_is_on_the_row(sns: Sns) -> None:
    sns.script = always("Publish", refuse("Throttled", "Rate exceeded"))
    confirmation = ask_sms()
    make_due(attempts=MAX_TRIES - 1)
    run_worker()
    confirmation.refresh_from_db()
    assert (confirmation.workflow_state, confirmation.failure) == ("failed", "SNS: Throttled: Rate exceeded")
    assert jobs("failed") == [SEND]


def test_throttling_is_tried_again(sns: Sns) -> None:
    sns.script = once("Publish", refuse("Throttled", "Rate exceeded"))
    confirmation = ask_sms()
    run_worker()
    assert SEND in jobs("todo")
    make_due()
    run_worker()
    confirmation.refresh_from_db()
    assert confirmation.workflow_state == "sent"


def test_a_number_that_cannot_be_is_given_up_at_once_and_masked(sns: Sns) -> None:
    sns.script = always("Publish", refuse("InvalidParameter", "Invalid parameter: +16265550100"))
    confirmation = ask_sms()
    run_worker()
    confirmation.refresh_from_db()
    assert confirmation.workflow_state == "failed"
    assert confirmation.failure == "SNS: InvalidParameter: Invalid parameter: +1…00"


def test_not_found_is_an_error_like_others_for_text_messages(sns: Sns) -> None:
    sns.script = always("Publish", refuse("NotFound", "what?", 404))
    confirmation = ask_sms()
    run_worker()
    confirmation.refresh_from_db()
    assert confirmation.failure == "SNS: what?"


def test_neither_code_nor_address_is_logged(
    mailbox: Mailbox, sns: Sns, caplog: pytest.LogCaptureFixture
) -> None:
    sns.script = always("Publish", refuse("InvalidParameter", "Invalid parameter: +16265550100"))
    ask()
    ask_sms()
    run_worker()
    logged = "".join(
        caplog.handler.format(record) for record in caplog.records if not record.name.startswith("mail.")
    )
    assert code_in(mailbox[0]["body"]) not in logged
    assert "+16265550100" not in logged
    assert "new@example.com" not in logged


def test_a_fault_of_ours_is_tried_again_too(mailbox: Mailbox, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "no.such.Backend"
    confirmation = ask()
    run_worker()
    confirmation.refresh_from_db()
    assert (confirmation.workflow_state, confirmation.failure) == ("requested", "ModuleNotFoundError")


@pytest.mark.parametrize(
    ("own", "accounts", "used"),
    [("de", "es", "de"), ("", "es", "es"), ("es-MX", "en", "es"), ("xx", "de", "en")],
)
def test_the_users_locale_decides(own: str, accounts: str, used: str) -> None:
    user = make_user(account=make_account(locale=accounts), locale=own)
    assert locale_of(user) == used
    with translation.override(used):
        assert translation.get_language() == used


class Failing(BaseEmailBackend):
    """An email backend that fails as ``error`` says: what no mail server on loopback can be made to say."""

    error: Exception

    def send_messages(self, _messages: object) -> int:
        raise self.error


def api_error(status: int, body: bytes = b"") -> AnymailRequestsAPIError:
    response = requests.Response()
    response.status_code, response._content = status, body
    return AnymailRequestsAPIError("new@example.com", response=response)


@pytest.mark.parametrize(
    ("error", "reason", "permanent"),
    [
        (smtplib.SMTPRecipientsRefused({"new@example.com": (550, b"no")}), "SMTPRecipientsRefused 550", True),
        (
            smtplib.SMTPRecipientsRefused({"new@example.com": (450, b"no")}),
            "SMTPRecipientsRefused 450",
            False,
        ),
        (smtplib.SMTPDataError(554, b"no"), "SMTPDataError 554", False),
        (smtplib.SMTPDataError(451, b"no"), "SMTPDataError 451", False),
        (smtplib.SMTPAuthenticationError(535, b"no"), "SMTPAuthenticationError 535", False),
        (smtplib.SMTPSenderRefused(550, b"no", "us@example.com"), "SMTPSenderRefused 550", False),
        (smtplib.SMTPNotSupportedError("SMTPUTF8"), "SMTPNotSupportedError", True),
        (smtplib.SMTPServerDisconnected("new@example.com"), "SMTPServerDisconnected", False),
        (TimeoutError(), "TimeoutError", False),
        (AnymailRecipientsRefused("new@example.com"), "AnymailRecipientsRefused", True),
        (AnymailUnsupportedFeature("what"), "AnymailUnsupportedFeature", True),
        (api_error(400, b"'to' parameter is not a valid address"), "AnymailRequestsAPIError 400", True),
        (api_error(400), "AnymailRequestsAPIError 400", False),
        (api_error(401), "AnymailRequestsAPIError 401", False),
        (api_error(429), "AnymailRequestsAPIError 429", False),
        (api_error(503), "AnymailRequestsAPIError 503", False),
        (AnymailAPIError("no answer"), "AnymailAPIError", False),
    ],
)
def test_an_error_of_the_mail_service_is_permanent_or_passing(
    error: Exception, reason: str, permanent: bool, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.Failing"
    monkeypatch.setattr(Failing, "error", error, raising=False)
    with pytest.raises(TransportError) as caught:
        email.send("new@example.com", lambda: email.Email("subject", "text", "html"), "c1")
    assert (str(caught.value), caught.value.permanent) == (f"n…@example.com: {reason}", permanent)


def test_waits_grow_with_jitter_up_to_a_bound() -> None:
    assert all(2.5 <= wait_after(0) <= 5 for _ in range(100))
    assert all(20 <= wait_after(3) <= 40 for _ in range(100))
    assert len({wait_after(3) for _ in range(10)}) > 1
    assert all(LONGEST_WAIT / 2 <= wait_after(attempts) <= LONGEST_WAIT for attempts in range(10, 200))


def test_all_waits_together_are_within_the_stated_bound() -> None:
    hours = sum(wait_after(attempts) for attempts in range(MAX_TRIES - 1)) / 3600
    assert 15 <= hours <= 31
