"""Behind a real PgBouncer in transaction mode, where two requests never know which session they get."""

import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import requests
from django.db import connection

from canvas_channels.demo.processes import dies_with_parent, end
from channels_api.models import CommunicationChannel, PushDevice
from tests import ROOT
from tests.factories import FCM_ARN, make_channel, make_key, make_site_admin, make_token, make_user
from tests.live import LiveServer, database_url, free_port, serve
from tests.programs import need

pytestmark = pytest.mark.django_db(transaction=True)

SECONDS = 10
SESSIONS = 2  # fewer than there are requests at once, so that they are passed on
CONFIG = """
[databases]
pooled = host={HOST} port={PORT} user={USER} dbname={NAME}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {sessions}
"""


@pytest.fixture
def pooler(tmp_path: Path) -> Iterator[str]:
    """The address of a database behind it, as ``DATABASE_URL``."""
    need("pgbouncer")
    port = free_port()
    where = connection.settings_dict | {"PORT": connection.settings_dict["PORT"] or 5432}
    config = tmp_path / "pgbouncer.ini"
    config.write_text(CONFIG.format(**where, port=port, sessions=SESSIONS))
    who = {}
    if os.geteuid() == 0:  # it refuses to run as root
        account = pwd.getpwnam("nobody")
        who = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    with config.open("rb") as standard_input, (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            ["pgbouncer", "/dev/stdin"],
            stdin=standard_input,
            stdout=log,
            stderr=log,
            cwd="/",
            start_new_session=True,
            preexec_fn=dies_with_parent(signal.SIGKILL),
            **who,  # type: ignore[call-overload]
        )
    url = f"postgresql://anyone@127.0.0.1:{port}/pooled"
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            psycopg.connect(url, connect_timeout=2).close()
            break
        except psycopg.OperationalError:
            assert process.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
    yield url
    end([process], grace=0)


@pytest.fixture
def pooled(pooler: str, tmp_path: Path) -> Iterator[LiveServer]:
    with serve(
        tmp_path / "server",
        DATABASE_URL=pooler,
        DATABASE_DIRECT_URL=database_url(),
        DATABASE_POOLER="transaction",
    ) as server:
        yield server


def test_the_apis_calls_work_behind_it(pooled: LiveServer) -> None:
    """Each a dozen times at once: a statement that one session prepared is unknown to the next."""
    key = make_key(sns_arn=FCM_ARN)
    tokens = [make_token(make_user(), key) for _ in range(12)]

    def use(token: str) -> list[int]:
        client = requests.Session()
        client.headers["Authorization"] = f"Bearer {token}"
        url, form = pooled.channels(), "communication_channel"
        new = {f"{form}[type]": "email", f"{form}[address]": "n@example.edu"}
        device = {f"{form}[type]": "push", f"{form}[token]": f"token-{token}"}
        made = client.post(url, new, timeout=SECONDS)
        answers = [made, client.post(url, device, timeout=SECONDS)]
        answers += [client.get(url, timeout=SECONDS) for _ in range(5)]
        answers.append(client.put(f"{url}/{made.json()['id']}", {f"{form}[position]": "2"}, timeout=SECONDS))
        answers.append(client.delete(f"{url}/{made.json()['id']}", timeout=SECONDS))
        answers.append(client.delete(f"{url}/push", data={"push_token": f"token-{token}"}, timeout=SECONDS))
        return [answer.status_code for answer in answers]

    with ThreadPoolExecutor(4) as pool:
        assert {status for answers in pool.map(use, tokens) for status in answers} == {200}
    assert PushDevice.objects.count() == len(tokens)


def test_reports_and_bulk_actions_work_behind_it(pooled: LiveServer) -> None:
    admin = make_site_admin()
    for _ in range(3):
        make_channel(make_user(), workflow_state="unconfirmed")
    client = requests.Session()
    client.headers["Authorization"] = f"Bearer {make_token(admin)}"
    account = f"{pooled.api}/accounts/{admin.home_account_id}"
    report = client.get(f"{account}/unconfirmed_communication_channels.csv", timeout=SECONDS)
    assert len(report.text.splitlines()) == 1 + 3
    confirm = client.post(f"{account}/unconfirmed_communication_channels/confirm", timeout=SECONDS)
    assert confirm.status_code == 200
    work(pooled.url)
    assert CommunicationChannel.objects.filter(workflow_state="active").count() == 3


def work(public_url: str, **others: str) -> None:
    """Do what waits, in a worker that goes round the pooler."""
    settings = {"DATABASE_URL": "postgresql://no-such-host/x", "DATABASE_DIRECT_URL": database_url()}
    subprocess.run(
        [sys.executable, "manage.py", "procrastinate", "worker", "--one-shot"],
        cwd=ROOT,
        env=os.environ
        | settings
        | {"DATABASE_POOLER": "transaction", "PUBLIC_URL": public_url, "DEMO": "false"}
        | others,
        check=True,
        timeout=60,
        capture_output=True,
    )
