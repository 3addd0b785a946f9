"""A service on a PostgreSQL of its own, which may be stopped, filled and killed."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import pytest
import requests

from canvas_channels.demo import postgres_files
from canvas_channels.demo.postgres import EmbeddedPostgres
from tests import emptying
from tests.factories import load_catalogue, make_admin, make_channel, make_token, make_user
from tests.live import LiveServer, database_url, free_port, serve

CONNECTIONS = "24"
# Short, so that tests are; as long as it takes a busy machine to do what is no outage.
WAITS = {"DATABASE_LOCK_SECONDS": "1", "DATABASE_STATEMENT_SECONDS": "2", "REQUEST_QUEUE_SECONDS": "4"}
SECRET = "provider:sixteen-characters"


@dataclass(frozen=True, slots=True)
class Service:
    """``token`` is that of user ``user_id``, the others are somebody else's."""

    server: LiveServer
    postgres: EmbeddedPostgres
    log: Path
    user_id: int
    token: str
    other_token: str
    admin_token: str

    def connect(self) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(self.postgres.url(), autocommit=True)

    def processes(self) -> list[psutil.Process]:
        """PostgreSQL's, the first of all last."""
        assert self.postgres.process is not None
        parent = psutil.Process(self.postgres.process.pid)
        return [*parent.children(recursive=True), parent]

    def get(self, token: str | None = None) -> requests.Response:
        """The channels of a token's user."""
        headers = {"Authorization": f"Bearer {token or self.token}"}
        return requests.get(self.server.channels(), headers=headers, timeout=60)


def copy_to(url: str) -> None:
    """The tests' database, with its schema and what is in it now."""
    programs = postgres_files.installed_programs() / "bin"
    environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"}
    command = 'pg_dump --no-owner "$0" | psql --quiet --no-psqlrc -v ON_ERROR_STOP=1 --dbname "$1"'
    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command, database_url(), url],
        env=environment,
        stdout=subprocess.DEVNULL,
        check=True,
        timeout=60,
    )


@pytest.fixture(scope="package")
def service(
    django_db_setup: None, django_db_blocker: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    folder = Path(tempfile.mkdtemp(prefix="test-outages-"))
    folder.chmod(0o711)  # PostgreSQL's account may pass through
    options = {"max_connections": CONNECTIONS, "listen_addresses": "127.0.0.1", "port": str(free_port())}
    log = tmp_path_factory.mktemp("outages") / "log"
    try:
        with (
            EmbeddedPostgres(folder / "postgres", durable=False, options=options) as postgres,
            django_db_blocker.unblock(),  # type: ignore[attr-defined]
        ):
            load_catalogue()
            user, other = make_user(), make_user()
            make_channel(user), make_channel(other)
            tokens = make_token(user), make_token(other), make_token(make_admin())
            copy_to(postgres.url())
            url = f"postgresql://postgres@127.0.0.1:{options['port']}/{postgres.database}?connect_timeout=2"
            emptying.empty(None)  # type: ignore[arg-type]
            with serve(log, DATABASE_URL=url, WEBHOOK_SECRETS=SECRET, **WAITS) as server:
                yield Service(server, postgres, log, user.pk, *tokens)
    finally:
        postgres_files.remove_data(folder / "postgres")
        shutil.rmtree(folder)
