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
from django.db import connection
from django.http import Http404
from django.test import Client, RequestFactory

from canvas_channels.demo import views
from canvas_channels.demo.outbox import sent_messages
from canvas_channels.demo.people import PEOPLE
from canvas_channels.demo.standins import Outbox, SmtpServer, SnsServer, start_smtp, start_sns
from tests.factories import make_user

pytestmark = pytest.mark.django_db


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


def get(path: str, address: str = "127.0.0.1", host: str = "127.0.0.1:8000"):
    return RequestFactory().get(path, REMOTE_ADDR=address, HTTP_HOST=host)


def outbox(query: str = "", **origin: str):
    return json.loads(views.outbox_json(get(f"/demo/outbox.json{query}", **origin)).content)


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


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_what_is_on_its_way_is_waited_for(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where something came before, and the worker takes longer than for a first message."""
    first, second = ({"kind": "sms", "to": "+16265550100", "body": body} for body in "ab")
    Outbox(file)(first)
    execute(
        "INSERT INTO procrastinate_jobs (task_name, queue_name, args, scheduled_at)"
        " VALUES ('due', 'q', '{}', NULL), ('later', 'q', '{}', now() + interval '1 day')"
    )
    done = "UPDATE procrastinate_jobs SET status = 'succeeded' WHERE task_name = 'due'"
    turns = iter([lambda: None, lambda: Outbox(file)(second), lambda: execute(done)])
    monkeypatch.setattr(views, "WAIT_SECONDS", 0)
    monkeypatch.setattr("time.sleep", lambda _: next(turns)())
    assert [message["body"] for message in outbox("?to=+16265550100")] == ["a", "b"]
    assert next(turns, None) is None


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
    told = {"subject": "<b>", "body": "http://127.0.0.1/x <i>", "sent_at": "2026-05-01T12:00:00Z"}
    Outbox(file)({"kind": "email", "to": "a@example.com", **told})
    page = Client(REMOTE_ADDR="::1", SERVER_NAME="localhost").get("/demo/outbox").content.decode()
    assert "&lt;b&gt;" in page
    assert "&lt;i&gt;" in page
    assert 'href="http://127.0.0.1/x"' in page


def test_a_mail_is_shown_as_a_person_sees_it_and_runs_nothing(smtp: SmtpServer) -> None:
    send(smtp, "a@example.com", html='<p style="color: red">Hi</p><script>1</script>')
    page = Client(SERVER_NAME="localhost").get("/demo/outbox").content.decode()
    assert 'src="/demo/outbox/1"' in page
    request = get("/demo/outbox/1")
    shown = views.outbox_mail(request, 1)
    assert '<p style="color: red">Hi</p>' in shown.content.decode()
    assert shown["Content-Security-Policy"].startswith("sandbox allow-popups; default-src 'none'")
    with pytest.raises(Http404):
        views.outbox_mail(request, 2)


def test_writing_is_refused(file: Path) -> None:
    assert views.outbox_json(RequestFactory().post("/demo/outbox.json")).status_code == 405


@pytest.mark.parametrize(
    "origin",
    [{"address": address} for address in ("192.0.2.1", "", "unix")]
    + [{"host": host} for host in ("testserver", "localhost.evil.example:8000", "192.0.2.1")],
)
def test_other_machines_and_names_find_nothing(file: Path, origin: dict[str, str]) -> None:
    with pytest.raises(Http404):
        outbox(**origin)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "[::1]:8000"])
def test_this_machine_has_several_names(file: Path, host: str) -> None:
    assert outbox(host=host) == []


def sign_in(person: str, host: str = "localhost", token: str = "", **headers: str):
    client = Client(enforce_csrf_checks=True, SERVER_NAME="localhost")
    token = token or str(client.get("/demo/outbox").context["csrf_token"])
    form = {"person": person, "csrfmiddlewaretoken": token}
    return client, client.post("/demo/sign-in", form, headers=headers, SERVER_NAME=host)


def test_one_click_signs_in(file: Path) -> None:
    user = make_user(login=PEOPLE["admin"].login)
    client, answer = sign_in("admin")
    assert (answer.status_code, answer["Location"]) == (302, "/users")
    assert client.get("/profile/communication").wsgi_request.user == user
    page = client.get("/demo/outbox").content.decode()
    assert all(f'value="{key}"' in page for key in PEOPLE if key != "deactivated")
    assert 'value="deactivated"' not in page


def test_nobody_else_is_signed_in(file: Path) -> None:
    make_user(login=PEOPLE["deactivated"].login, workflow_state="deactivated")
    make_user(login="somebody@example.com")
    for person in ("deactivated", "somebody@example.com", "penny", ""):
        client, answer = sign_in(person)
        assert answer.status_code == 404
        assert "_auth_user_id" not in client.session


def test_another_site_signs_nobody_in(file: Path) -> None:
    make_user(login=PEOPLE["sheldon"].login)
    for refused in ({"token": "x" * 64}, {"origin": "https://evil.example"}, {"host": "testserver"}):
        client, answer = sign_in("sheldon", **refused)
        assert answer.status_code == (404 if "host" in refused else 403)
        assert "_auth_user_id" not in client.session
