"""The production server on the tests' database, for what only real sockets and processes can show."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.db import connection

from canvas_channels.demo.processes import dies_with_parent, end
from canvas_channels.server import command
from tests import ROOT

READY_SECONDS = 120
GRACE_SECONDS = 10
NO_LIMIT = "1000000"
# A machine that is busy with other tests is late, which is no fault.
PATIENT = {"DATABASE_LOCK_SECONDS": "50", "DATABASE_STATEMENT_SECONDS": "50", "REQUEST_QUEUE_SECONDS": "50"}
LIFTED = {
    "CONFIRMATIONS_PER_CHANNEL_PER_DAY": NO_LIMIT,
    "CONFIRMATIONS_PER_USER_PER_HOUR": NO_LIMIT,
    "CONFIRMATIONS_PER_EMAIL_PER_HOUR": NO_LIMIT,
    "CONFIRMATIONS_PER_NUMBER_PER_HOUR": NO_LIMIT,
    "SECURITY_NOTICES_PER_USER_PER_HOUR": NO_LIMIT,
    "SMS_DAILY_BUDGET": NO_LIMIT,
    "PASSWORD_RESETS_PER_ADDRESS_PER_HOUR": NO_LIMIT,
    "OPEN_REQUESTS_PER_MINUTE": NO_LIMIT,
    "THROTTLE_MAXIMUM": NO_LIMIT,
    "THROTTLE_HIGH_WATER_MARK": NO_LIMIT,
}


@dataclass(frozen=True, slots=True)
class LiveServer:
    """Where the server answers, and its process."""

    host: str
    port: int
    process: "subprocess.Popen[Any]"

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def api(self) -> str:
        return f"{self.url}/api/v1"

    def channels(self, user_id: object = "self") -> str:
        return f"{self.api}/users/{user_id}/communication_channels"


@pytest.fixture(scope="session")
def server(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Granian with the service, message limits lifted; only for tests with ``transaction=True``."""
    with serve(tmp_path_factory.mktemp("server") / "log", **PATIENT) as address:
        yield address


@contextmanager
def serve(log_file: Path, **others: str) -> Iterator[LiveServer]:
    """The service on the tests' database, with other settings where they are given."""
    host, port = "127.0.0.1", free_port()
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            command(host, port),
            cwd=ROOT,
            env=os.environ | environment(f"http://{host}:{port}", database_url()) | others,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=dies_with_parent(signal.SIGTERM),
        )
    address = LiveServer(host, port, process)
    try:
        _wait_until_ready(address, log_file)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("NO_PROXY", "*")  # the clients would go to a proxy even for the loopback
            patch.setenv("no_proxy", "*")
            yield address
    finally:
        end([process], GRACE_SECONDS)


def environment(url: str, database_url: str) -> dict[str, str]:
    """The settings of a server with message limits and throttle lifted; the benchmark's too."""
    return LIFTED | {"DATABASE_URL": database_url, "PUBLIC_URL": url, "ALLOWED_HOSTS": "", "DEMO": "false"}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def database_url() -> str:
    """The tests' database as a URL, from the connection's own settings.

    Without its ``options``: they would be the last word on the time limits that each process has of its own.
    """
    settings = connection.settings_dict
    who = quote(settings["USER"], safe="")
    if settings["PASSWORD"]:
        who += f":{quote(settings['PASSWORD'], safe='')}"
    where = quote(settings["HOST"], safe="") + (f":{settings['PORT']}" if settings["PORT"] else "")
    given = {
        name: value
        for name, value in settings["OPTIONS"].items()
        if isinstance(value, str) and name != "options"
    }
    query = f"?{urlencode(given, quote_via=quote)}" if given else ""
    return f"postgresql://{who}@{where}/{settings['NAME']}{query}"


def _wait_until_ready(address: LiveServer, log_file: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not _answers(address):
        if address.process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"the server did not start: {log_file.read_text(errors='replace')[-2000:]}")
        time.sleep(0.05)


def _answers(address: LiveServer) -> bool:
    attempt = HTTPConnection(address.host, address.port, timeout=5)
    try:
        attempt.request("GET", "/api/v1/users/self/communication_channels")
        return attempt.getresponse().status == 401
    except OSError:
        return False
    finally:
        attempt.close()
