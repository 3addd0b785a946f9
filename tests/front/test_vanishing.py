"""Clients that vanish without a word."""

import json
import os
import subprocess
import sys

import pytest

from tests import ROOT
from tests.factories import make_token, make_user
from tests.live import database_url
from tests.programs import APART, need, need_namespaces

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_machine_that_is_cut_off_gives_all_its_connections_back() -> None:
    need("ip")
    need_namespaces()
    done = subprocess.run(
        [*APART, sys.executable, "-m", "tests.tools.machines.vanishing", make_token(make_user())],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "DATABASE_URL": database_url()},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["before"] > 0
    assert (seen["after"], seen["answered"]) == (0, True)
