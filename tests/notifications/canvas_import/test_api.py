"""Moving in from Canvas's API, as a stand-in speaks it over HTTP."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from canvas_channels.core.identity.models import User
from notifications.models import MovedRow, NotificationPreference
from tests import ROOT
from tests.commands import refusal, run
from tests.documents import commands, manage
from tests.live import database_url, free_port
from tests.notifications.canvas_import import moved
from tests.notifications.canvas_import.people import NOTIFICATIONS, by_api

pytestmark = pytest.mark.django_db(transaction=True, reset_sequences=True)

PEOPLE = 120  # more than a page of users
IN_BATCHES_OF_TEN = """
import sys
import django
django.setup()
from django.core.management import call_command
from notifications.canvas_import import moving
moving.AT_ONCE = 10
call_command("import_canvas", *sys.argv[1:])
"""

Serve = Callable[..., str]


def statistics(url: str) -> dict[str, int]:
    return dict(requests.get(f"{url}/statistics", timeout=30).json())


def test_everything_is_moved_once(serve: Serve) -> None:
    url = serve(str(PEOPLE))
    before = moved.dump()
    dry = run("import_canvas", "--url", url, "--dry-run")
    assert moved.dump() == before
    said = run("import_canvas", "--url", url)
    assert f"Moved: {PEOPLE} users, {PEOPLE} logins, " in said
    assert dry == said.replace("Moved:", "Would be moved:")
    moved.check(by_api(PEOPLE), api=True)
    after, asked = moved.dump(), statistics(url)["requests"]
    again = run("import_canvas", "--url", url)
    assert f"{PEOPLE} users were moved before, and left alone." in again
    assert moved.dump() == after
    assert statistics(url)["requests"] - asked <= 3  # who was moved is not asked for again


def test_killed_again_and_again(serve: Serve) -> None:
    """Nothing is lost, and nothing doubled."""
    for _ in range(2):
        url = serve(str(PEOPLE), "--hold-after", "150")  # so that none ends before it is killed
        before = MovedRow.objects.count()
        process = subprocess.Popen(
            [sys.executable, "-c", IN_BATCHES_OF_TEN, "--url", url],
            cwd=ROOT,
            env=os.environ | {"DATABASE_URL": database_url()},
        )
        deadline = time.monotonic() + 100
        while MovedRow.objects.count() <= before:
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.005)
        time.sleep(random.uniform(0, 0.2))
        process.kill()
        process.wait()
    assert 20 <= User.objects.count() < PEOPLE
    run("import_canvas", "--url", serve(str(PEOPLE)))
    moved.check(by_api(PEOPLE), api=True)


def test_the_limit_is_obeyed(serve: Serve) -> None:
    """This one has room for a few requests; a client that does not slow down is refused."""
    url = serve("20", "--high-water-mark", "60", "--outflow", "12")
    run("import_canvas", "--url", url)
    found = statistics(url)
    assert found["requests"] > 60
    assert found["refused"] == 0


def test_what_is_refused_is_asked_again(serve: Serve) -> None:
    url = serve("5", "--refuse-every", "9")
    run("import_canvas", "--url", url)
    assert statistics(url)["refused"] > 1
    moved.check(by_api(5), api=True)


def test_preferences_that_only_their_user_sees(serve: Serve) -> None:
    run("import_canvas", "--url", serve("2", "--masquerade"))
    assert NotificationPreference.objects.count() == 2 * len(NOTIFICATIONS)


def test_a_token_that_canvas_does_not_know(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    url = serve("1")
    monkeypatch.setenv("CANVAS_TOKEN", "another")
    assert refusal("import_canvas", "--url", url) == "Canvas does not know the token in CANVAS_TOKEN."


def test_an_account_that_canvas_does_not_have(serve: Serve) -> None:
    said = refusal("import_canvas", "--url", serve("1"), "--canvas-account", "7")
    assert said == "Canvas does not show the account's people: Not Found."


def test_without_canvasapi(serve: Serve) -> None:
    """It is installed for those who want it."""
    code = (
        "import sys; sys.modules['canvasapi'] = None\n"
        "from django.core.management import execute_from_command_line; execute_from_command_line(sys.argv)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code, "import_canvas", "--url", "https://canvas.example.edu"],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": database_url()},
        capture_output=True,
        text=True,
        check=False,
    )
    said = "CommandError: --url needs the Python package canvasapi: install it first.\n"
    assert (answer.returncode, answer.stderr) == (1, said)


def test_where_nobody_answers(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANVAS_TOKEN", "token")
    said = refusal("import_canvas", "--url", f"http://127.0.0.1:{free_port()}")
    assert said.startswith("Canvas does not answer: ")


def test_what_is_no_canvas(serve: Serve) -> None:
    said = refusal("import_canvas", "--url", serve("1"), "--canvas-account", "../../../statistics?")
    assert "is the URL right?" in said


def test_the_documented_commands(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    url = serve("3")
    [block] = commands("docs/moving-from-canvas.md", "By the API")
    assert block.startswith("export CANVAS_TOKEN=")
    for arguments in manage(block.replace("https://canvas.example.edu", url)):
        run(*arguments)
    moved.check(by_api(3), api=True)
