"""A call leaves nothing to the garbage collector, whose work stops all of a server's threads."""

import json
import os
import subprocess
import sys

import pytest

from tests import ROOT
from tests.factories import FCM_ARN, make_key, make_token, make_user
from tests.leftovers import HOST, TIMES, Call
from tests.live import database_url, environment

PATH = "/api/v1/users/self/communication_channels"
CALLS = [
    Call("GET", PATH, None, "200 OK"),
    Call("GET", f"{PATH}?page=0", None, "404 Not Found"),
    Call("POST", PATH, {"communication_channel": {"type": "email", "address": "<n>@example.edu"}}, "200 OK"),
    Call("POST", PATH, {"communication_channel": {"type": "push", "token": "<n>"}}, "200 OK"),
    Call("GET", "/api/v1/users/0/communication_channels", None, "404 Not Found"),
]


@pytest.mark.django_db(transaction=True)
def test_a_call_leaves_nothing() -> None:
    token = make_token(make_user(), make_key(sns_arn=FCM_ARN))
    done = subprocess.run(
        [sys.executable, "-m", "tests.leftovers"],
        cwd=ROOT,
        env=os.environ | environment(f"http://{HOST}", database_url()),
        input=json.dumps({"token": token, "calls": CALLS}),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = zip(CALLS, json.loads(done.stdout), strict=True)
    assert [(*call, number) for call, number in found if number >= TIMES] == []
