"""The logs of a whole run hold no code, no token, no password, no full address and no number.

Everything that has a secret is done once, and what can go wrong with it does: over HTTP against the
production server, with a worker, our own loggers at DEBUG.
"""

import base64
import hashlib
import json
import re
import secrets
import time
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import psycopg
import pytest
import requests
from moto.sns.models import sns_backends

from canvas_channels.demo.postgres import EmbeddedPostgres
from tests.faults import processes
from tests.faults.processes import HOST, Web, Worker
from tests.faults.standins import MailServer, Received
from tests.faults.verdict import ask
from tests.notifications.services import Fields, Sns, refuse

WEBHOOK_SECRET = "a-secret-of-webhooks-0123"
REDIRECT = "https://client.example/callback"
NUMBER, BAD_NUMBER = "+16265550123", "+16265550199"
DEVICE, BAD_DEVICE = "SecretDevice-7f3a:APA91bSecret", "RefusedDevice-99ab:APA91bSecret"
PASSWORD, WRONG_PASSWORD = "Correct-Horse-77-Staple", "Wrong-Horse-88-Staple"
WRONG_TOKEN, WRONG_CODE = "wrong-token-" + "w" * 40, "wrong-code-" + "c" * 30
WAIT_SECONDS = 40


class Service:
    """The whole service, and what is secret about what is done with it."""

    def __init__(self, data_dir: Path, folder: Path) -> None:
        self.folder = folder
        self.received = Received()
        self.mail, self.sns = MailServer(self.received), Sns()
        self.postgres = EmbeddedPostgres(data_dir, log_file=folder / "postgres.log")
        self.children: list[Web | Worker] = []
        self.secrets = {NUMBER, BAD_NUMBER, DEVICE, BAD_DEVICE, PASSWORD, WRONG_PASSWORD}
        self.secrets |= {WRONG_TOKEN, WRONG_CODE, WEBHOOK_SECRET}

    def start(self) -> None:
        self.postgres.start()
        environment = processes.environment(
            self.postgres.url(),
            self.mail.port,
            self.sns.url,
            LOG_LEVEL="DEBUG",
            ACCESS_LOG="true",
            WEBHOOK_SECRETS=f"hook:{WEBHOOK_SECRET}",
            ANYMAIL=json.dumps({"MAILGUN_WEBHOOK_SIGNING_KEY": "key-of-mailgun"}),
        )
        processes.manage(environment, "manage.py", "migrate", "--no-input", "--verbosity", "0")
        application = self.sns.client().create_platform_application(
            Name="Student", Platform="GCM", Attributes={"PlatformCredential": "x"}
        )
        self.person, _ = processes.seed(environment, 1, application["PlatformApplicationArn"])
        self.secrets |= {self.person["token"], self.person["login"]}
        web = Web("web", environment, self.folder)
        self.children = [web, Worker("worker", environment, self.folder)]
        web.wait_until_ready()
        self.url = f"http://{HOST}:{web.port}"
        self.channels = f"{self.url}/api/v1/users/self/communication_channels"

    def halt(self) -> None:
        """No process writes to a log any more."""
        processes.stop(self.children)
        self.children = []
        self.postgres.stop()

    def stop(self) -> None:
        self.halt()
        self.mail.stop()
        self.sns.stop()

    def call(self, method: str, path: str = "", token: str | None = None, **fields: str) -> requests.Response:
        headers = {"Authorization": f"Bearer {token or self.person['token']}"}
        return requests.request(method, self.channels + path, data=fields, headers=headers, timeout=30)

    def add(self, type_: str, what: str) -> requests.Response:
        name = "token" if type_ == "push" else "address"
        self.secrets.add(what)
        fields = {"communication_channel[type]": type_, f"communication_channel[{name}]": what}
        return self.call("POST", **fields)

    def link(self, to: str, pattern: str, number: int = 0) -> str:
        """What follows the host in the link of a message, once it is there; it is secret from then on."""

        def found() -> list[re.Match[str]]:
            bodies = [message["body"] for message in self.received.messages.get(to, [])]
            return [link for body in bodies if (link := re.search(pattern, body))]

        wait_for(lambda: len(found()) > number, f"a link in a message to {to}")
        link = found()[number]
        self.secrets.add(link[1])
        return link[0]

    def sql(self, statement: str) -> None:
        ask(self.postgres.url(), statement)

    def wait_for_rows(self, which: str, count: int) -> None:
        query: Any = f"SELECT count(*) FROM {which}"
        wait_for(lambda: ask(self.postgres.url(), query)[0][0] == count, which)

    def logged(self) -> str:
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("*.log")))


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def hidden(page: requests.Response) -> dict[str, str]:
    """The values of a form's fields."""
    fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text)
    return {name: unescape(value) for name, value in fields}


def email_and_its_code(service: Service) -> None:
    address = "Secret.One@example.edu"
    assert service.add("email", address).status_code == 200
    assert service.add("email", address).status_code == 400
    service.call("GET", f"?search={quote(address)}")
    service.call("DELETE", f"/email/{quote('Secret.Gone@example.edu')}")
    service.secrets.add("Secret.Gone@example.edu")
    path = service.link(address, r"/register/([\w-]+)")
    page = requests.Session()
    assert page.get(service.url + path, timeout=30).status_code == 200
    assert page.post(service.url + path, timeout=30).status_code == 403
    assert page.put(service.url + path, timeout=30).status_code == 405
    wrong = requests.post(f"{service.url}/register/{WRONG_CODE}", json={}, timeout=30)
    assert wrong.status_code == 400
    assert requests.post(service.url + path, json={}, timeout=30).status_code == 200
    other = service.add("email", "Secret.Two@example.edu").json()
    service.link("Secret.Two@example.edu", r"/register/([\w-]+)")
    assert service.call("POST", f"/{other['id']}/resend").json() == {"re_sent": True}
    service.link("Secret.Two@example.edu", r"/register/([\w-]+)", 1)
    path = service.link("Secret.Two@example.edu", r"/not-me/([\w-]+)", 1)
    assert page.get(service.url + path, timeout=30).status_code == 200
    assert requests.post(f"{service.url}/not-me/{WRONG_CODE}", json={}, timeout=30).status_code == 400
    assert requests.post(service.url + path, json={}, timeout=30).status_code == 200


def number_and_its_code(service: Service) -> None:
    channel = service.add("sms", NUMBER).json()
    wait_for(lambda: any(call.get("PhoneNumber") == NUMBER for call in service.sns.calls), "a text message")
    [text] = [call["Message"] for call in service.sns.calls if call.get("PhoneNumber") == NUMBER]
    found = re.search(r"\d{6}", text)
    assert found
    service.secrets.add(found[0])
    wrong = "000000" if found[0] != "000000" else "111111"
    confirm = f"/{channel['id']}/confirm"
    assert service.call("POST", confirm, confirmation_code=wrong).status_code == 400
    assert service.call("POST", confirm, confirmation_code=found[0]).status_code == 200


def device_in_the_query(service: Service) -> None:
    """As the Android app sends it."""
    query = {
        "communication_channel[type]": "push",
        "communication_channel[token]": DEVICE,
        "access_token": service.person["token"],
    }
    assert requests.post(service.channels, params=query, timeout=30).status_code == 200
    service.wait_for_rows("channels_api_pushdevice WHERE workflow_state = 'registered'", 1)
    wrong = {"access_token": WRONG_TOKEN}
    assert requests.get(service.channels, params=wrong, timeout=30).status_code == 401
    assert service.call("GET", token=WRONG_TOKEN).status_code == 401


def refusals_that_quote(service: Service) -> None:
    """The mail server and SNS say to whom they do not deliver."""

    def script(fields: Fields) -> Any:
        quoted = fields.get("PhoneNumber", "").removeprefix("+") or fields.get("Token", "").lower()
        return refuse("InvalidParameter", f"Invalid parameter: Reason: {quoted} is not valid")

    service.mail.fault.name, service.sns.script = "busy", script
    service.add("email", "Refused.Recipient@example.edu")
    service.add("sms", BAD_NUMBER)
    service.add("push", BAD_DEVICE)
    service.wait_for_rows("channels_api_confirmation WHERE failure <> ''", 2)
    service.wait_for_rows("channels_api_pushdevice WHERE failure <> ''", 1)
    service.mail.fault.name, service.sns.script = "", None


def passwords_and_oauth(service: Service) -> None:
    browser, login = requests.Session(), service.person["login"]

    def send(path: str, **fields: str) -> requests.Response:
        form = hidden(browser.get(service.url + path, timeout=30)) | fields
        return browser.post(service.url + path, form, timeout=30, allow_redirects=False)

    assert send("/password-reset", login=login).status_code == 302
    path = service.link(login, r"/password-reset/\w+/([\w-]+)")
    form = browser.get(service.url + path, timeout=30)
    new = hidden(form) | {"new_password1": PASSWORD, "new_password2": PASSWORD}
    assert browser.post(form.url, new, timeout=30, allow_redirects=False).status_code == 302
    assert send("/login", username=login, password=WRONG_PASSWORD).status_code == 200
    assert send("/login", username=login, password=PASSWORD).status_code == 302

    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "client_id": service.person["client_id"],
        "response_type": "code",
        "redirect_uri": REDIRECT,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    consent = browser.get(f"{service.url}/login/oauth2/auth", params=asked, timeout=30)
    allowed = browser.post(
        f"{service.url}/login/oauth2/auth",
        hidden(consent) | {"allow": "true"},
        timeout=30,
        allow_redirects=False,
    )
    code = parse_qs(urlsplit(allowed.headers["Location"]).query)["code"][0]
    token_url = f"{service.url}/login/oauth2/token"
    client = {"client_id": service.person["client_id"]}
    exchange = client | {"grant_type": "authorization_code", "redirect_uri": REDIRECT, "code": code}
    tokens = requests.post(token_url, exchange | {"code_verifier": verifier}, timeout=30).json()
    again = requests.post(token_url, params=exchange | {"code_verifier": verifier}, timeout=30)
    assert again.status_code == 400
    refresh = client | {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    newer = requests.post(token_url, refresh, timeout=30).json()
    wrong = requests.post(token_url, refresh | {"refresh_token": WRONG_TOKEN}, timeout=30)
    assert wrong.status_code in {400, 401}
    service.secrets |= {
        code,
        verifier,
        tokens["access_token"],
        tokens["refresh_token"],
        newer["access_token"],
    }
    revoked = requests.delete(token_url, params={"access_token": newer["access_token"]}, timeout=30)
    assert revoked.status_code == 200


def webhooks(service: Service) -> None:
    service.secrets.add("Bounced.Person@example.edu")
    bounce = {
        "RecordType": "Bounce",
        "ID": 42,
        "Type": "HardBounce",
        "Details": "smtp;550 5.1.1 <Bounced.Person@example.edu> unknown",
        "Email": "Bounced.Person@example.edu",
        "BouncedAt": "2019-11-05T16:33:54Z",
    }
    statuses = [
        requests.post(f"{service.url}/webhooks/{provider}", json=body, auth=auth, timeout=30).status_code
        for provider, body, auth in (
            ("postmark", bounce, ("hook", WEBHOOK_SECRET)),
            ("postmark", bounce, ("hook", WRONG_TOKEN)),
            ("postmark", [bounce], ("hook", WEBHOOK_SECRET)),
            (
                "mailgun",
                {"signature": {"token": WRONG_TOKEN}, "event-data": bounce},
                ("hook", WEBHOOK_SECRET),
            ),
        )
    ]
    assert statuses[0] == 200
    assert all(400 <= status < 500 for status in statuses[1:])


def faults_of_ours(service: Service) -> None:
    """A row that breaks a constraint, in a request, in a job and from outside; a page that fails."""
    channels, codes = "channels_api_communicationchannel", "channels_api_confirmationcode"
    service.sql(f"ALTER TABLE {channels} ADD CONSTRAINT trouble CHECK (address NOT LIKE 'Trouble%')")
    assert service.add("email", "Trouble.Maker@example.edu").status_code == 500
    service.sql(f"ALTER TABLE {codes} ADD CONSTRAINT trouble CHECK (digest = '') NOT VALID")
    service.add("email", "Unlucky.Job@example.edu")
    service.wait_for_rows("channels_api_confirmation WHERE failure = 'IntegrityError'", 1)
    service.sql(f"ALTER TABLE {codes} RENAME TO away")
    assert requests.get(f"{service.url}/register/{WRONG_CODE}", timeout=30).status_code == 500
    query = {"access_token": WRONG_TOKEN}
    assert requests.get(f"{service.url}/register/{WRONG_CODE}", query, timeout=30).status_code == 500
    service.sql(f"ALTER TABLE away RENAME TO {codes}")
    with pytest.raises(psycopg.errors.UniqueViolation):
        service.sql(
            f"INSERT INTO {channels} (user_id, type, address, address_folded, workflow_state, position, "
            "institutional, bounce_count, created_at, updated_at) VALUES "
            f"({service.person['id']}, 'email', '{service.person['login']}', '{service.person['login']}', "
            "'active', 99, false, 0, now(), now())"
        )


@pytest.fixture
def service(data_dir: Path, tmp_path: Path) -> Iterator[Service]:
    sns_backends.reset()  # moto's state belongs to the process, not to the server
    running = Service(data_dir, tmp_path)
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_secret_is_in_the_logs_of_a_whole_run(service: Service) -> None:
    for step in (
        email_and_its_code,
        number_and_its_code,
        device_in_the_query,
        refusals_that_quote,
        passwords_and_oauth,
        webhooks,
        faults_of_ours,
    ):
        step(service)
    service.halt()
    logged = service.logged()
    for line in ("register/<str:code>", "Internal Server Error", "delivery failed", "IntegrityError"):
        assert line in logged
    assert "violates unique constraint" in (service.folder / "postgres.log").read_text()
    forms = {form for secret in service.secrets for form in (secret, quote(secret), secret.removeprefix("+"))}
    leaks = [
        f"{secret}: {line[:300]}"
        for line in logged.splitlines()
        for secret in forms
        if (re.search(rf"\b{secret}\b", line) if secret.isdigit() else secret.lower() in line.lower())
    ]
    assert leaks == []
