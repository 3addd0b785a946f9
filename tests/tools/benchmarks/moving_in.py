"""``scripts/benchmark moving_in``: how long ``import_canvas`` takes, and whether everything is here then.

People come from files with 100,000 channels and from a stand-in of Canvas's API with 2,000 people; a second
run finds nothing to do.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg

from canvas_channels.demo.postgres import EmbeddedPostgres
from tests import ROOT
from tests.notifications.canvas_import import canvas
from tests.notifications.canvas_import.people import Tables, by_api, options, tables
from tests.notifications.canvas_import.standin import serving
from tests.tools.benchmarks.databases import migrated

IN_FILES = 57_000  # who have 100,000 channels
BY_API = 2_000
COUNTS = {
    "users": "SELECT count(*) FROM identity_user",
    "pseudonyms": "SELECT count(*) FROM identity_login",
    "communication_channels": "SELECT count(*) FROM channels_api_communicationchannel",
    "notification_policies": "SELECT count(*) FROM notifications_notificationpreference",
}


def measure(postgres: EmbeddedPostgres) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = tables(IN_FILES)
        _measure(postgres, "files", options(Path(folder), found), found)
    with serving(str(BY_API)) as url:
        _measure(postgres, "api", ["--url", url], by_api(BY_API))


def _measure(postgres: EmbeddedPostgres, name: str, arguments: list[str], found: Tables) -> None:
    environ = migrated(postgres, name) | {"CANVAS_TOKEN": canvas.TOKEN, "NO_PROXY": "*", "no_proxy": "*"}
    _manage(environ, "create_account", "Benchmark", "--default")
    expected = {table: len(found[table]) for table in COUNTS}
    for words in ("moved", "found nothing to do"):
        start = time.monotonic()
        said = _manage(environ, "import_canvas", *arguments)
        taken = time.monotonic() - start
        with psycopg.connect(environ["DATABASE_URL"]) as database:
            counts = {table: database.execute(sql).fetchone() for table, sql in COUNTS.items()}
        if counts != {table: (number,) for table, number in expected.items()}:
            sys.exit(f"there are {counts}, not {expected}")
        print(f"{name}: {words} in {taken:.0f} s. {said.splitlines()[0]}", flush=True)


def _manage(environ: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, "manage.py", *arguments]
    answer = subprocess.run(
        command, cwd=ROOT, env=os.environ | environ, check=True, capture_output=True, text=True
    )
    return answer.stdout
