"""Lists from a streaming replica, which may be behind, frozen or gone."""

import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psutil
import psycopg
import pytest
import requests

from canvas_channels.core.postgresql import replica
from canvas_channels.demo.postgres import EmbeddedPostgres
from tests.live import LiveServer, free_port, serve
from tests.outages.conftest import Service
from tests.outages.test_answers import BOUND
from tests.standby import standby_of

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

LISTED = "ORDER BY 4 ASC, 1 ASC"  # in PostgreSQL's log


@dataclass(frozen=True, slots=True)
class Replicated:
    """``server`` lists from ``standby``, which follows the service's PostgreSQL."""

    service: Service
    server: LiveServer
    standby: EmbeddedPostgres

    def channels(self) -> list[dict[str, Any]]:
        headers = {"Authorization": f"Bearer {self.service.token}"}
        all_of_them = {"per_page": "100"}  # other tests make some
        answer = requests.get(self.server.channels(), all_of_them, headers=headers, timeout=60)
        assert answer.status_code == 200, answer.text
        return list(answer.json())

    def bounces(self) -> int:
        return int(self.channels()[0]["bounce_count"])

    def asked(self) -> int:
        """How many lists the standby was asked for."""
        return self.standby.log_file.read_text().count(LISTED)

    def on_standby(self, query: str) -> Any:
        with psycopg.connect(self.standby.url(), autocommit=True) as connection:
            return connection.execute(query.encode()).fetchone()

    def set_bounces(self, count: int) -> None:
        """What no audit trail has."""
        with self.service.connect() as primary:
            primary.execute(
                "UPDATE channels_api_communicationchannel SET bounce_count = %s WHERE user_id = %s",
                [count, self.service.user_id],
            )

    def signal(self, number: signal.Signals) -> None:
        assert self.standby.process is not None
        parent = psutil.Process(self.standby.process.pid)
        for process in [parent, *parent.children(recursive=True)]:
            process.send_signal(number)


@pytest.fixture(scope="module")
def standby(service: Service) -> Iterator[EmbeddedPostgres]:
    options = {"listen_addresses": "127.0.0.1", "port": str(free_port()), "log_statement": "all"}
    with standby_of(service.postgres, **options) as postgres:
        yield postgres


@pytest.fixture(scope="module")
def served(
    service: Service, standby: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Replicated]:
    hosts = {
        name: f"postgresql://postgres@127.0.0.1:{postgres.settings['port']}/{service.postgres.database}"
        for name, postgres in (("DATABASE_URL", service.postgres), ("DATABASE_REPLICA_URL", standby))
    }
    with serve(tmp_path_factory.mktemp("replica") / "log", **hosts) as server:
        yield Replicated(service, server, standby)


@pytest.fixture
def replicated(served: Replicated) -> Replicated:
    """The standby has all changes, and is asked."""
    served.set_bounces(0)
    until(lambda: served.bounces() == 0 and _is_asked(served))
    return served


def _is_asked(served: Replicated) -> bool:
    before = served.asked()
    served.channels()
    return served.asked() == before + 1


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 3 * BOUND
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_lists_come_from_the_replica_but_for_what_was_changed_through_the_service(
    replicated: Replicated,
) -> None:
    replicated.on_standby("SELECT pg_wal_replay_pause()")
    try:
        replicated.set_bounces(3)
        assert replicated.bounces() == 0
        new = {"communication_channel[type]": "email", "communication_channel[address]": "new@example.com"}
        headers = {"Authorization": f"Bearer {replicated.service.token}"}
        url = replicated.server.channels()
        made = requests.post(url, new, headers=headers, timeout=60).json()
        before = replicated.asked()
        assert [channel["id"] for channel in replicated.channels()][-1] == made["id"]
        assert replicated.bounces() == 3
        assert replicated.asked() == before + 2
        requests.delete(f"{url}/{made['id']}", headers=headers, timeout=60)
        assert made["id"] not in [channel["id"] for channel in replicated.channels()]
    finally:
        replicated.on_standby("SELECT pg_wal_replay_resume()")
    caught_up = "SELECT max(bounce_count) FROM channels_api_communicationchannel"
    until(lambda: bool(replicated.on_standby(caught_up) == (3,)))
    assert replicated.bounces() == 3
    assert _is_asked(replicated)


def test_a_frozen_replica_costs_a_wait_once(replicated: Replicated) -> None:
    replicated.signal(signal.SIGSTOP)
    try:
        replicated.set_bounces(4)
        began = time.monotonic()
        assert replicated.bounces() == 4
        assert time.monotonic() - began < BOUND
        assert replicated.bounces() == 4
    finally:
        replicated.signal(signal.SIGCONT)
    until(lambda: _is_asked(replicated))


def test_without_its_replica_the_primary_answers(replicated: Replicated) -> None:
    assert replicated.standby.process is not None
    replicated.standby.process.send_signal(signal.SIGINT)
    replicated.standby.process.wait(30)
    try:
        replicated.set_bounces(5)
        assert replicated.bounces() == 5
    finally:
        replicated.standby.restart()
    until(lambda: _is_asked(replicated))


@pytest.mark.parametrize(
    ("behind", "current"), [(0.1, True), (-5, True), (31, False), (-31, False), (None, False)]
)
def test_a_replica_that_is_behind_is_not_used(behind: float | None, current: bool) -> None:
    assert replica.is_current(behind) is current


def test_one_that_failed_is_asked_by_one_request_at_a_time() -> None:
    availability = replica._Availability()
    assert [availability.begin(), availability.begin()] == [True, True]
    availability.end(good=False)
    assert not availability.begin()
    availability._again_at = time.monotonic()
    assert [availability.begin(), availability.begin()] == [True, False]
    availability.end(good=True)
    assert [availability.begin(), availability.begin()] == [True, True]
