"""The last release and this version side by side, on the database that this version migrated.

In the order of docs/operating.md: the workers are restarted first, then the web processes, one by one.
"""

import random
import subprocess
import tarfile
import time
import tomllib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
import requests
from moto.sns.models import sns_backends

from canvas_channels.demo.processes import end
from tests import ROOT
from tests.documents import read
from tests.faults.clients import Client, Request, requests_of
from tests.faults.processes import Web, Worker
from tests.faults.service import Service
from tests.faults.verdict import undone
from tests.live import database_url

pytestmark = pytest.mark.django_db(transaction=True)

PEOPLE = 8
REQUESTS = 60  # of each of the two steps
SECONDS = 5.0  # that each step's clients take at least
DRAIN_SECONDS = 60
GRACE_SECONDS = 30
# Every quarter of an hour a new worker may ask for a job that the old one does not know. The next quarter
# makes up for it.
UNKNOWN = "failed notifications.make_share_of_digests after 1 tries"


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code of the last release."""
    commit = list(tomllib.loads(read("docs/releases.toml")).values())[-1]
    archived = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=False)
    if archived.returncode:
        pytest.skip("a shallow clone, or no clone, does not have the release")
    folder = tmp_path_factory.mktemp("release")
    with tarfile.open(fileobj=BytesIO(archived.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    sns_backends.reset()  # moto's state belongs to the process, not to the server
    running = Service(tmp_path)
    try:
        running.seed(database_url(), PEOPLE)
        yield running
    finally:
        running.stop()


def load(service: Service, webs: list[Web], asked: list[Request]) -> None:
    """Each web server has a share of the creates, and lists, where all of them say the same."""
    clients = [
        Client(web.port, asked[number :: len(webs)], SECONDS, service.record, number)
        for number, web in enumerate(webs)
    ]
    for client in clients:
        client.start()
    while any(client.is_alive() for client in clients):
        for web in webs:
            for person in service.people:
                answer = listed(web, person["token"])
                assert answer.status_code == 200, answer.text
        time.sleep(0.1)
    for person in service.people:
        shown = [{row["id"] for row in listed(web, person["token"]).json()} for web in webs]
        assert all(ids == shown[0] for ids in shown)


def listed(web: Web, token: str) -> requests.Response:
    url = f"http://127.0.0.1:{web.port}/api/v1/users/self/communication_channels"
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(url, {"per_page": 100}, headers=headers, timeout=30)


def wait_until_all_is_done() -> None:
    deadline = time.monotonic() + DRAIN_SECONDS
    while set(undone(database_url())) - {UNKNOWN} and time.monotonic() < deadline:
        time.sleep(0.1)


def has_worked(worker: Worker) -> bool:
    return '"action": "job_success"' in worker.log.read_text()


@pytest.mark.slow
def test_both_serve_and_nothing_fails(service: Service, release: Path) -> None:
    url = database_url()
    old_web = service.start_web(url, "-old", release)
    new_web = service.start_web(url, "-new")
    old_worker = service.start_worker(url, "-old", release)
    new_worker = service.start_worker(url, "-new")
    for web in service.webs:
        web.wait_until_ready()
    while not (old_worker.ids() and new_worker.ids()):
        time.sleep(0.1)
    asked = requests_of(service.people, 2 * REQUESTS, random.Random(1))
    load(service, [old_web], asked[:REQUESTS])
    wait_until_all_is_done()
    end([old_worker.process], GRACE_SECONDS)
    load(service, [old_web, new_web], asked[REQUESTS:])
    wait_until_all_is_done()
    verdict = service.judge(url)
    assert not service.record.unknown
    assert not service.record.refused
    assert len(service.record.accepted) == 2 * REQUESTS
    assert (verdict.lost, verdict.misplaced, verdict.doubled) == ([], [], 0)
    assert set(verdict.stuck) <= {UNKNOWN}
    assert has_worked(old_worker)
    assert has_worked(new_worker)
