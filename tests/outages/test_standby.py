"""Synchronous replication, as Patroni's ``synchronous_mode_strict`` sets it, while there is no standby."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.outages.conftest import Service
from tests.outages.test_answers import BOUND, ask

pytestmark = pytest.mark.django_db(transaction=True)

WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


@pytest.fixture
def without_standby(service: Service) -> Iterator[None]:
    """Commits wait for one that never comes."""
    with service.connect() as admin:
        admin.execute("SET synchronous_commit = off")
        admin.execute(f"ALTER DATABASE {service.postgres.database} SET synchronous_commit = on")
        admin.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        admin.execute("SELECT pg_reload_conf()")
        admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        try:
            yield
        finally:
            admin.execute("ALTER SYSTEM RESET synchronous_standby_names")
            admin.execute("SELECT pg_reload_conf()")
            admin.execute(f"ALTER DATABASE {service.postgres.database} RESET synchronous_commit")


@pytest.mark.usefixtures("without_standby")
def test_no_timeout_lets_a_commit_pass_that_no_standby_has(service: Service) -> None:
    """``statement_timeout`` is 2 s here; the client's own patience 4 s."""
    started = time.monotonic()
    refused = ask(service)["create"]()
    assert refused.status_code == 503
    assert 3.5 < time.monotonic() - started < BOUND
    assert service.get().status_code == 200


@pytest.mark.usefixtures("without_standby")
def test_a_commit_whose_wait_was_cancelled_is_no_success(service: Service) -> None:
    with ThreadPoolExecutor(1) as pool, service.connect() as admin:
        create = pool.submit(ask(service)["create"])
        deadline = time.monotonic() + BOUND
        while (found := admin.execute(WAITING).fetchone()) is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        admin.execute("SELECT pg_cancel_backend(%s)", found)
        refused = create.result()
    assert refused.status_code == 503
    assert "committed here, and on no standby yet" in service.log.read_text()
