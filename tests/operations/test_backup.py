"""The recipe of ``docs/operating.md`` to back up and restore, carried out."""

import os
import subprocess
from pathlib import Path

import psycopg
import pytest
import requests
from django.db import connection
from psycopg import sql

from canvas_channels.demo.postgres_files import installed_programs
from channels_api.messages import confirmations
from tests.documents import commands
from tests.factories import make_channel, make_token, make_user
from tests.live import database_url, serve

pytestmark = pytest.mark.django_db(transaction=True)

RESTORED = "restored"


@pytest.fixture
def empty_database() -> str:
    """The address of one beside the tests' own."""
    name = f"{connection.settings_dict['NAME']}_{RESTORED}"
    with psycopg.connect(database_url(), autocommit=True) as admin:
        for statement in ("DROP DATABASE IF EXISTS {} WITH (FORCE)", "CREATE DATABASE {}"):
            admin.execute(sql.SQL(statement).format(sql.Identifier(name)))
    return database_url().replace(f"/{connection.settings_dict['NAME']}", f"/{name}")


def test_what_is_restored_serves_and_has_its_queue(tmp_path: Path, empty_database: str) -> None:
    user = make_user()
    channel = make_channel(user, "n@example.edu", workflow_state="unconfirmed")
    token = make_token(user)
    assert confirmations.resend(channel)

    [recipe] = commands("docs/operating.md", "Back up and restore")
    shown = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", recipe],
        cwd=tmp_path,
        env={
            "PATH": f"{installed_programs() / 'bin'}:{os.environ['PATH']}",
            "DATABASE_URL": database_url(),
            "NEW_DATABASE_URL": empty_database,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
    with serve(tmp_path / "log", DATABASE_URL=empty_database) as server:
        answer = requests.get(server.channels(), headers={"Authorization": f"Bearer {token}"}, timeout=30)
        ready = requests.get(f"{server.url}/readyz", timeout=30)
    assert [one["address"] for one in answer.json()] == ["n@example.edu"]
    assert ready.json() == {"ready": True, "problems": []}
    with psycopg.connect(empty_database) as restored:
        jobs = restored.execute("SELECT status::text, args->>'confirmation_id' FROM procrastinate_jobs")
        assert jobs.fetchall() == [("todo", str(channel.confirmations.get().pk))]
