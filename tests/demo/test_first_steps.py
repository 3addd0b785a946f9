"""What ``scripts/serve`` prints, and the README says, done by somebody new."""

import json
import re
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from canvas_channels.demo.postgres_files import remove_data
from tests.demo.serving import free_ports, serving
from tests.documents import commands

pytestmark = pytest.mark.slow
SECONDS = 30


@dataclass(frozen=True)
class Demo:
    folder: Path
    url: str
    printed: str
    pasted: str  # what the commands wrote that are printed, pasted as soon as they are there


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    folder, port = Path(tempfile.mkdtemp(prefix="test-serve-")), free_ports()
    folder.chmod(0o711)
    with serving("--port", port, "--data", folder / "data") as (_, printed):
        block = printed[printed.index("  curl ") : printed.rindex("\n\n")]
        typed = subprocess.run(["bash", "-eu"], input=block, capture_output=True, text=True, timeout=120)
        assert (typed.returncode, typed.stderr) == (0, "")
        yield Demo(folder / "data", f"http://127.0.0.1:{port}", printed, typed.stdout)
    remove_data(folder / "data" / "postgres")
    shutil.rmtree(folder)


def test_printed_commands_work_pasted_together(demo: Demo) -> None:
    listed, created, received, asked = map(json.loads, demo.pasted.splitlines())
    assert [channel["address"] for channel in listed] == ["sheldon@caltech.example.com"]
    assert created["workflow_state"] == "unconfirmed"
    assert [message["to"] for message in received] == ["new@example.com"]
    assert f"{demo.url}/" in received[0]["body"]
    assert (asked["notification"], asked["recipients_count"]) == ("new_announcement", 2)
    for recipient in ("sheldon", "leonard"):
        to = {"to": f"{recipient}@caltech.example.com"}
        [*_, news] = requests.get(f"{demo.url}/demo/outbox.json", to, timeout=SECONDS).json()
        assert (news["subject"], "To room 12." in news["body"]) == ("The lecture moves", True)


def test_the_readme_says_the_same(demo: Demo) -> None:
    [block] = commands("README.md", "Call it")
    token_line, *calls = block.replace("var/demo.json", str(demo.folder / "demo.json")).splitlines()
    echo = f'{token_line}\necho -n "$TOKEN"'
    token = subprocess.run(["bash", "-euc", echo], capture_output=True, text=True, check=True).stdout
    calls = [call.replace("$TOKEN", token).replace("http://127.0.0.1:8000", demo.url) for call in calls]
    printed = re.findall(r"^  curl -sw '\\n' (.*)$", demo.printed, re.MULTILINE)
    assert [shlex.split(call) for call in calls] == [["curl", *shlex.split(call)] for call in printed[:3]]


def test_pages_to_open_first_are_there(demo: Demo) -> None:
    first, _, _ = demo.printed.partition("Sheldon's channels")
    pages = [url for url in re.findall(r"http://\S+", first) if not url.endswith(".")]
    assert [url.removeprefix(demo.url) for url in pages] == [
        *("/login", "/demo/outbox", "/api/reference", "/api/docs", "/admin/")
    ]
    assert {requests.get(url, timeout=SECONDS).status_code for url in pages} == {200}


@pytest.mark.parametrize(
    ("page", "then", "shown"),
    [("/login", "/profile/communication", "Sheldon Cooper"), ("/admin/", "/admin/", "Rita Root")],
)
def test_printed_logins_and_passwords_are_right(demo: Demo, page: str, then: str, shown: str) -> None:
    [(login, password)] = re.findall(rf"{demo.url}{page} .*as (\S+) with (\S+)$", demo.printed, re.MULTILINE)
    with requests.Session() as browser:
        form = browser.get(demo.url + page, timeout=SECONDS).url
        given = {"username": login, "password": password, "next": then}
        given["csrfmiddlewaretoken"] = browser.cookies["csrftoken"]
        assert shown in browser.post(form, given, timeout=SECONDS).text


def test_a_click_leads_an_admin_to_weeks_of_bounces(demo: Demo) -> None:
    with requests.Session() as browser:
        browser.get(f"{demo.url}/demo/outbox", timeout=SECONDS)
        click = {"person": "weeks_admin", "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        people = browser.post(f"{demo.url}/demo/sign-in", click, timeout=SECONDS)
        assert people.url == f"{demo.url}/users"
        [bouncing] = set(re.findall(r"/accounts/\d+/bouncing", people.text))
        report = browser.get(demo.url + bouncing, timeout=SECONDS).text.partition("<tfoot>")[0]
    days = re.findall(r'<tr><th scope="row">(.*?)</th><td>(\d+)</td></tr>', report)
    assert len(days) > 14
    assert sum(int(count) for _, count in days) == 24


def test_its_people_may_reset_their_passwords_at_once(demo: Demo) -> None:
    amy = "admin@caltech.example.com"
    with requests.Session() as browser:
        browser.get(f"{demo.url}/password-reset", timeout=SECONDS)
        given = {"login": amy, "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        assert browser.post(f"{demo.url}/password-reset", given, timeout=SECONDS).status_code == 200
    deadline = time.monotonic() + SECONDS
    while not (sent := requests.get(f"{demo.url}/demo/outbox.json", {"to": amy}, timeout=SECONDS).json()):
        assert time.monotonic() < deadline
    assert f"{demo.url}/password-reset/" in sent[-1]["body"]


def test_its_own_calls_take_what_is_posted(demo: Demo) -> None:
    answer = requests.post(f"{demo.url}/demo/bounce", {"to": "nobody@example.com"}, timeout=SECONDS)
    assert answer.json() == {"to": "nobody@example.com"}
