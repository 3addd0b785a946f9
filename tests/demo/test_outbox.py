"""The stand-ins, and the outbox that shows what they took."""

import json
import smtplib
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError
from django.http import Http404
from django.test import RequestFactory

from canvas_channels.demo import views
from canvas_channels.demo.outbox import sent_messages
from canvas_channels.demo.standins import Outbox, SmtpServer, SnsServer, start_smtp, start_sns


@pytest.fixture
def file(tmp_path: Path, settings) -> Path:
    settings.DEMO_OUTBOX_FILE = str(tmp_path / "outbox.jsonl")
    return tmp_path / "outbox.jsonl"


@pytest.fixture
def sns(file: Path) -> Iterator[SnsServer]:
    server = start_sns(0, Outbox(file))
    yield server
    server.stop()


@pytest.fixture
def smtp(file: Path) -> Iterator[SmtpServer]:
    server = start_smtp(0, Outbox(file))
    yield server
    server.stop()


def sns_client(server: SnsServer):
    return boto3.client(
        "sns",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )


def send(server: SmtpServer, *recipients: str, html: str = "") -> None:
    message = EmailMessage()
    message["Subject"] = "Grüße"
    message["From"] = "from@example.com"
    message["To"] = ", ".join(recipients)
    message.set_content("Hällo\n" + "long " * 100)
    if html:
        message.add_alternative(html, subtype="html")
    with smtplib.SMTP("127.0.0.1", server.port) as client:
        client.send_message(message)


def outbox(query: str = "", address: str = "127.0.0.1"):
    request = RequestFactory().get(f"/demo/outbox.json{query}", REMOTE_ADDR=address)
    return json.loads(views.outbox_json(request).content)


def test_text_message_is_shown(sns: SnsServer) -> None:
    sns_client(sns).publish(PhoneNumber="+16265550100", Message="Your code is 123456 & so on: é")
    [message] = outbox()
    sent_at = message.pop("sent_at")
    assert sent_at.endswith("Z")
    assert message == {"id": 1, "kind": "sms", "to": "+16265550100", "body": "Your code is 123456 & so on: é"}


def endpoint(client) -> str:
    application = client.create_platform_application(Name="x", Platform="GCM", Attributes={})
    return client.create_platform_endpoint(
        PlatformApplicationArn=application["PlatformApplicationArn"], Token="t"
    )["EndpointArn"]


def test_a_push_is_shown_with_its_payloads(sns: SnsServer) -> None:
    client = sns_client(sns)
    arn = endpoint(client)
    payload = json.dumps({"default": "The lecture moves", "GCM": json.dumps({"data": {"alert": "é"}})})
    client.publish(TargetArn=arn, Message=payload, MessageStructure="json")
    [message] = outbox()
    assert message.pop("sent_at").endswith("Z")
    assert message == {
        "id": 1,
        "kind": "push",
        "to": arn,
        "body": "The lecture moves",
        "structure": "json",
        "message": payload,
    }
    assert outbox(f"?to={arn}")[0]["id"] == 1


def test_a_push_that_is_refused_is_not_shown(sns: SnsServer) -> None:
    client = sns_client(sns)
    arn = endpoint(client)
    client.set_endpoint_attributes(EndpointArn=arn, Attributes={"Enabled": "false"})
    with pytest.raises(ClientError):
        client.publish(TargetArn=arn, Message="hello")
    assert outbox() == []


def test_refused_text_message_is_not_shown(sns: SnsServer) -> None:
    with pytest.raises(ClientError):
        sns_client(sns).publish(PhoneNumber="+16265550100", Message="x" * 1_000_000)
    assert outbox() == []


def test_email_is_shown_decoded_once_for_each_recipient(smtp: SmtpServer) -> None:
    send(smtp, "a@example.com", "b@example.com", html="<p>Hi</p>")
    first, second = outbox()
    assert (first["to"], second["to"]) == ("a@example.com", "b@example.com")
    assert first["subject"] == "Grüße"
    assert first["body"].startswith("Hällo\nlong long")
    assert set(first) == {"id", "kind", "to", "subject", "body", "html", "headers", "sent_at"}
    assert first["html"] == "<p>Hi</p>\n"
    assert ["Subject", "Grüße"] in first["headers"]


def test_email_without_html(smtp: SmtpServer) -> None:
    send(smtp, "a@example.com")
    assert outbox()[0]["html"] is None


def test_the_first_message_to_an_address_is_waited_for(file: Path) -> None:
    told = {"kind": "sms", "to": "+16265550100", "body": "x"}
    timer = threading.Timer(0.3, Outbox(file), [told])
    timer.start()
    assert outbox("?to=+16265550100") == [{"id": 1, **told}]
    timer.join()
    assert outbox("?to=nobody@example.com") == []


def test_filter_keeps_one_recipient_and_the_numbers(smtp: SmtpServer, sns: SnsServer) -> None:
    send(smtp, "a@example.com", "B@example.com")
    sns_client(sns).publish(PhoneNumber="+16265550100", Message="hi")
    assert [message["id"] for message in outbox("?to=b@EXAMPLE.com")] == [2]
    assert [message["id"] for message in outbox("?to=%2B16265550100")] == [3]
    assert [message["id"] for message in outbox("?to=+16265550100")] == [3]
    assert outbox("?to=example.com") == []


def test_filter_knows_letters_beyond_ascii(file: Path) -> None:
    Outbox(file)({"kind": "email", "to": "GRÜSSE@example.com"})
    assert len(sent_messages(file, "grüße@example.com")) == 1


def test_half_a_line_is_not_shown_yet(file: Path) -> None:
    file.write_text('{"kind": "sms", "to": "1"}\n{"kind": "s')
    assert [message["id"] for message in outbox()] == [1]


def test_missing_file_is_an_empty_outbox(file: Path) -> None:
    assert outbox() == []


def test_file_is_private(file: Path) -> None:
    Outbox(file)
    assert file.stat().st_mode & 0o777 == 0o600


def test_page_escapes_and_links(file: Path) -> None:
    Outbox(file)({"kind": "email", "to": "a@example.com", "subject": "<b>", "body": "http://127.0.0.1/x <i>"})
    request = RequestFactory().get("/demo/outbox", REMOTE_ADDR="::1")
    page = views.outbox_page(request).content.decode()
    assert "&lt;b&gt;" in page
    assert "&lt;i&gt;" in page
    assert 'href="http://127.0.0.1/x"' in page


def test_a_mail_is_shown_as_a_person_sees_it_and_runs_nothing(smtp: SmtpServer) -> None:
    send(smtp, "a@example.com", html='<p style="color: red">Hi</p><script>1</script>')
    request = RequestFactory().get("/demo/outbox", REMOTE_ADDR="127.0.0.1")
    assert 'src="/demo/outbox/1"' in views.outbox_page(request).content.decode()
    shown = views.outbox_mail(request, 1)
    assert '<p style="color: red">Hi</p>' in shown.content.decode()
    assert shown["Content-Security-Policy"].startswith("sandbox allow-popups; default-src 'none'")
    with pytest.raises(Http404):
        views.outbox_mail(request, 2)


def test_writing_is_refused(file: Path) -> None:
    assert views.outbox_json(RequestFactory().post("/demo/outbox.json")).status_code == 405


@pytest.mark.parametrize("address", ["192.0.2.1", "", "unix"])
def test_other_machines_find_nothing(file: Path, address: str) -> None:
    with pytest.raises(Http404):
        outbox(address=address)
