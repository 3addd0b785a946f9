"""``DATABASE_URL`` with several hosts, of which one is away and one is read-only."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import requests

from canvas_channels.demo import postgres_files
from canvas_channels.demo.postgres import EmbeddedPostgres
from tests import ROOT
from tests.live import free_port, serve
from tests.outages.conftest import Service

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def test_the_host_that_takes_writes_is_used(service: Service, tmp_path: Path) -> None:
    port = service.postgres.settings["port"]
    options = {
        "listen_addresses": "127.0.0.1",
        "port": str(free_port()),
        "default_transaction_read_only": "on",
    }
    standby = EmbeddedPostgres(
        service.postgres.data_dir.with_name("standby"), durable=False, database="postgres", options=options
    )
    try:
        with standby:
            hosts = f"127.0.0.1:{free_port()},127.0.0.1:{options['port']},127.0.0.1:{port}"
            url = f"postgresql://postgres@{hosts}/{service.postgres.database}?target_session_attrs=read-write"
            headers = {"Authorization": f"Bearer {service.token}"}
            new = {"communication_channel[type]": "email", "communication_channel[address]": "h@example.com"}
            with serve(tmp_path / "log", DATABASE_URL=url) as server:
                made = requests.post(server.channels(), new, headers=headers, timeout=30)
            assert made.status_code == 200
            worked = subprocess.run(
                [sys.executable, "manage.py", "procrastinate", "worker", "--one-shot"],
                cwd=ROOT,
                env=os.environ | {"DATABASE_URL": url, "DEMO": "false"},
                check=False,
                timeout=60,
                capture_output=True,
                text=True,
            )
            assert worked.returncode == 0, worked.stderr
    finally:
        postgres_files.remove_data(standby.data_dir)
    with psycopg.connect(service.postgres.url()) as primary:
        kept = "SELECT address FROM channels_api_communicationchannel WHERE id = %s"
        assert primary.execute(kept, [made.json()["id"]]).fetchone() == ("h@example.com",)
