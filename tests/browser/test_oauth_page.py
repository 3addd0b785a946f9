"""``docs/oauth.md``, followed word for word, in a shell and in a browser."""

import json
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page

from tests.documents import commands
from tests.factories import FCM_ARN, make_channel, make_key, make_user
from tests.live import LiveServer

pytestmark = pytest.mark.django_db(transaction=True)

LOGIN, PASSWORD = "sheldon@caltech.example.com", "a good one, sheldon"


class Shell:
    """One bash that keeps its variables from block to block, as a reader's does."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            ["bash", "-eu"],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, block: str) -> str:
        assert self.process.stdin
        assert self.process.stdout
        mark = uuid.uuid4().hex
        self.process.stdin.write(f"{block}\necho\necho {mark}\n")
        self.process.stdin.flush()
        lines = list(iter(self.process.stdout.readline, f"{mark}\n"))
        assert self.process.poll() is None, lines
        return "".join(lines)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    people = {"users": {"sheldon": {"login": LOGIN, "password": PASSWORD}}}
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "demo.json").write_text(json.dumps(people))
    shell = Shell(tmp_path)
    yield shell
    shell.process.communicate("exit\n")


def test_a_token_by_oauth(page: Page, shell: Shell, server: LiveServer) -> None:
    make_key(client_id="demo-fcm", sns_arn=FCM_ARN, redirect_uris="http://127.0.0.1/callback")
    make_channel(make_user("Sheldon", login=LOGIN, password=PASSWORD), LOGIN)
    begin, paste, exchange, use, refresh = commands("docs/oauth.md", "Get a token by OAuth")

    printed = shell.run(begin.replace("http://127.0.0.1:8000", server.url))
    assert f"Sign in as {LOGIN} with the password {PASSWORD}" in printed
    page.goto(printed.split()[-1])
    page.get_by_label("Login").fill(LOGIN)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    with page.expect_request("http://127.0.0.1:8765/callback?**") as sent:
        page.get_by_role("button", name="Allow", exact=True).click()
    code = parse_qs(urlsplit(sent.value.url).query)["code"][0]

    shell.run(paste.replace("paste-the-code-here", code))
    answer = json.loads(shell.run(exchange))
    assert answer["user"]["name"] == "Sheldon"
    listed, device = json.loads("[" + shell.run(use).strip().replace("]{", "],{") + "]")
    assert [channel["address"] for channel in listed] == [LOGIN]
    assert device["type"] == "push"
    listed, revoked = json.loads("[" + shell.run(refresh).strip().replace("]{", "],{") + "]")
    assert [channel["type"] for channel in listed] == ["email", "push"]
    assert revoked == {}
