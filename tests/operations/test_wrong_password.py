"""A wrong password of the database is one line that says so, for commands and for the web server."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
import requests

from tests import ROOT
from tests.live import database_url, serve

ROLE = "asked_for_its_password"
REFUSED = f'password authentication failed for user "{ROLE}"'

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def wrong_password(db: None) -> Iterator[str]:
    """A URL of the tests' database, whose server asks this one role for its password."""
    url = urlsplit(database_url())
    common = url._replace(path="/postgres").geturl()
    with psycopg.connect(common, autocommit=True) as connection:
        # Roles and rules are the whole server's, which tests on the other core ask too.
        connection.execute("SELECT pg_advisory_lock(hashtext(%s))", [ROLE])
        [rules] = connection.execute("SHOW hba_file").fetchone() or []
        file = Path(rules)
        before = file.read_text()
        connection.execute(f"CREATE ROLE {ROLE} LOGIN PASSWORD 'right'")
        try:
            file.write_text(
                f"local all {ROLE} scram-sha-256\nhost all {ROLE} 0.0.0.0/0 scram-sha-256\n{before}"
            )
            connection.execute("SELECT pg_reload_conf()")
            yield url._replace(netloc=f"{ROLE}:wrong@{url.netloc.rpartition('@')[2]}").geturl()
        finally:
            file.write_text(before)
            connection.execute("SELECT pg_reload_conf()")
            connection.execute(f"DROP ROLE {ROLE}")


@pytest.mark.parametrize(
    "command",
    [["migrate"], ["deliveries"], ["showmigrations", "identity"], ["procrastinate", "worker"]],
    ids=" ".join,
)
def test_a_command_ends_with_one_line(command: list[str], wrong_password: str) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": wrong_password, "DATABASE_DIRECT_URL": wrong_password},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("Database: ")
    assert line.endswith(REFUSED)


def test_a_traceback_is_shown_where_it_is_asked_for(wrong_password: str) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "deliveries", "--traceback"],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": wrong_password},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr.startswith("Traceback")


def test_a_web_server_says_so_at_each_request(tmp_path: Path, wrong_password: str) -> None:
    log = tmp_path / "log"
    with serve(log, DATABASE_URL=wrong_password) as server:
        answer = requests.get(
            f"{server.url}/api/v1/users/self/communication_channels",
            headers={"Authorization": "Bearer x"},
            timeout=30,
        )
    assert answer.status_code == 503
    assert REFUSED in log.read_text().replace('\\"', '"')
    assert "Traceback" not in log.read_text()
