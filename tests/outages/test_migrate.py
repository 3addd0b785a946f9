"""``manage.py migrate`` behind somebody who reads for long, such as a dump."""

import os
import signal
import subprocess
import sys
import time

import psycopg
import pytest
import requests

from canvas_channels.demo.processes import dies_with_parent, end
from tests import ROOT
from tests.outages.conftest import Service

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

SECONDS = 60


def migrate(service: Service, *where: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "manage.py", "migrate", *where],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": service.postgres.url(), "DEMO": "false"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=dies_with_parent(signal.SIGKILL),
    )


def test_nobody_waits_behind_it_for_long_and_it_gets_its_turn(service: Service) -> None:
    """It would else hold all who read the table, whom PostgreSQL has queue behind it."""
    session = {"Cookie": "sessionid=abcdefghijklmnopqrstuvwxyz012345", "Accept": "text/html"}
    with psycopg.connect(service.postgres.url()) as reader:
        reader.execute("SELECT FROM django_session LIMIT 1")
        changing = migrate(service, "sessions", "zero")
        try:
            until = time.monotonic() + SECONDS
            assert changing.stdout
            lines = iter(changing.stdout.readline, "")
            assert any("waits for a lock" in line for line in lines)
            answered = 0
            while answered < 5:
                page = requests.get(
                    f"{service.server.url}/profile/communication",
                    headers=session,
                    allow_redirects=False,
                    timeout=SECONDS,
                )
                assert page.status_code in {302, 503}
                assert time.monotonic() < until
                answered += page.status_code == 302
            assert changing.poll() is None
            reader.rollback()
            assert changing.wait(until - time.monotonic()) == 0
            changing.stdout.close()
        finally:
            end([changing], grace=0)  # type: ignore[list-item]
    with migrate(service, "sessions") as again:
        assert again.wait(SECONDS) == 0
