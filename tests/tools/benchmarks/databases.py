"""A migrated database of its own for each size, perhaps seeded."""

import os
import subprocess
import sys

import psycopg

from canvas_channels.demo.postgres import EmbeddedPostgres
from tests import ROOT
from tests.live import environment
from tests.tools.benchmarks.seed import seed


def prepared(postgres: EmbeddedPostgres, users: int) -> dict[str, str]:
    """The environment of a server on a new database with so many users."""
    environ = migrated(postgres, f"users_{users}")
    print(f"seeding {users} users ...", flush=True)
    seed(environ["DATABASE_URL"], users)
    return environ


def migrated(postgres: EmbeddedPostgres, name: str) -> dict[str, str]:
    """The same on a new database with nobody in it."""
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    environ = environment("http://127.0.0.1", postgres.url(name)) | {"SECRET_KEY": "only-for-benchmarks-" * 2}
    migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(migrate, cwd=ROOT, env=os.environ | environ | {"LOG_LEVEL": "ERROR"}, check=True)
    return environ
