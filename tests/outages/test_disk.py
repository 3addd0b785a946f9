"""A disk that is full: what cannot be kept is not accepted, and what was accepted stays."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.outages.conftest import Service
from tests.outages.test_answers import ask, lines

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

TABLE = "channels_api_auditentry"  # each change writes to it
SIZE = 2 * 2**20


@pytest.fixture
def small_disk(service: Service) -> Iterator[Path]:
    """A file system of 2 MB, full but for nothing, that a table is on."""
    folder = service.postgres.data_dir.with_name("small")
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        folder.rmdir()
        pytest.skip("this kernel lets nobody mount a file system, and only a small one can be filled")
    try:
        owner = service.postgres.data_dir.stat()
        os.chown(folder, owner.st_uid, owner.st_gid)
        folder.chmod(0o700)
        with service.connect() as admin:
            admin.execute(f"CREATE TABLESPACE small LOCATION '{folder}'")
            admin.execute(f"TRUNCATE {TABLE}")  # else there may be room in its last page
            admin.execute(f"ALTER TABLE {TABLE} SET TABLESPACE small")
        (folder / "filler").write_bytes(bytes(_free(folder)))
        yield folder / "filler"
        with service.connect() as admin:
            admin.execute(f"ALTER TABLE {TABLE} SET TABLESPACE pg_default")
            admin.execute("CHECKPOINT")
            admin.execute("DROP TABLESPACE small")
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        folder.rmdir()


def _free(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def refused_create(service: Service) -> list[str]:
    """Why a create was refused, as the log says it: empty where the database was too slow to say so."""
    since = len(service.log.read_text())
    refused = ask(service)["create"]()
    assert refused.status_code == 503, refused.text
    assert refused.headers["Retry-After"] == "5"
    return [line["sqlstate"] for line in lines(service, since) if "sqlstate" in line]


def ready(service: Service) -> tuple[int, object]:
    answer = requests.get(f"{service.server.url}/readyz", timeout=30)
    return answer.status_code, answer.json()


def test_a_full_disk_refuses_changes_and_loses_none(service: Service, small_disk: Path) -> None:
    headers = {"Authorization": f"Bearer {service.token}"}
    before = len(service.get().json())
    deadline = time.monotonic() + 60
    while (states := refused_create(service)) != ["53100"]:
        assert states == [""]
        assert time.monotonic() < deadline
    assert len(service.get().json()) == before
    assert ready(service) == (200, {"ready": True, "problems": ["database: disk full"]})
    small_disk.unlink()
    taken = ask(service)["create"]()
    assert taken.status_code == 200, taken.text
    assert ready(service) == (200, {"ready": True, "problems": []})
    shown = requests.get(service.server.channels(), headers=headers, timeout=30).json()
    assert [one["id"] for one in shown][before:] == [taken.json()["id"]]
