"""Synchronous replication, as Patroni's ``synchronous_mode_strict`` sets it, while there is no standby."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.outages.conftest import Service
from tests.outages.test_answers import BOUND, ask

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

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
    refused = with_wait_cancelled(service, ask(service)["create"])
    assert refused.status_code == 503
    assert "committed here, and on no standby yet" in service.log.read_text()


@pytest.mark.usefixtures("without_standby")
def test_what_no_standby_has_is_not_confirmed_to_whoever_asks_again(service: Service) -> None:
    """It is in the database by then, and the second request would change nothing."""
    url = f"{service.server.api}/accounts/self/notifications"
    news = {"notification": "new_announcement", "subject": "News", "body": "To room 12."}
    headers = {"Authorization": f"Bearer {service.admin_token}", "Idempotency-Key": "news"}

    def send() -> requests.Response:
        return requests.post(url, news | {"user_ids[]": service.user_id}, headers=headers, timeout=60)

    assert with_wait_cancelled(service, send).status_code == 503
    assert send().status_code == 503


def with_wait_cancelled(service: Service, send: Callable[[], requests.Response]) -> requests.Response:
    with ThreadPoolExecutor(1) as pool, service.connect() as admin:
        answer = pool.submit(send)
        deadline = time.monotonic() + BOUND
        while (found := admin.execute(WAITING).fetchone()) is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        admin.execute("SELECT pg_cancel_backend(%s)", found)
        return answer.result()
