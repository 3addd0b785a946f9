"""What clients and people are answered while the database is away, and for how long they wait."""

import json
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import requests

from tests.live import serve
from tests.outages.conftest import Service

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

BROWSER = {"Accept": "text/html", "Accept-Language": "de"}
NEW = {"communication_channel[type]": "email"}
BOUND = 20.0  # seconds; what is configured allows for 12, a busy machine takes its time besides


@contextmanager
def stopped(service: Service) -> Iterator[None]:
    """Its kernel still takes connections and acknowledges what is sent."""
    try:
        service.processes()[-1].send_signal(signal.SIGSTOP)  # it starts no more of them
        _signal(service, signal.SIGSTOP)
        yield
    finally:
        _signal(service, signal.SIGCONT)


def _signal(service: Service, number: signal.Signals) -> None:
    for process in service.processes():
        with suppress(psutil.NoSuchProcess):  # one ends with its connection
            process.send_signal(number)


@contextmanager
def without_connections(service: Service) -> Iterator[None]:
    with ExitStack() as stack:
        admin = stack.enter_context(service.connect())
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        until = time.monotonic() + 2  # the server's own come back meanwhile, and have to be outnumbered
        while time.monotonic() < until:
            try:
                stack.enter_context(service.connect())
            except psycopg.OperationalError:
                break
        yield


@contextmanager
def shut_down(service: Service) -> Iterator[None]:
    assert service.postgres.process is not None
    service.postgres.process.send_signal(signal.SIGINT)
    service.postgres.process.wait(30)
    try:
        yield
    finally:
        service.postgres.restart()


def ask(service: Service) -> dict[str, Callable[[], requests.Response]]:
    """One request of each kind, each of which needs the database."""
    url, bearer = service.server.url, {"Authorization": f"Bearer {service.token}"}
    token = {"grant_type": "refresh_token", "client_id": "nobody", "refresh_token": "none"}
    session = {"Cookie": "sessionid=abcdefghijklmnopqrstuvwxyz012345"}
    event = json.dumps({"RecordType": "Delivery", "MessageID": "1", "Recipient": "a@example.com", "ID": 1})
    hook = {"Content-Type": "application/json"}
    new = {**NEW, "communication_channel[address]": f"{time.monotonic_ns()}@example.com"}
    by = ("provider", "sixteen-characters")
    return {
        "list": lambda: requests.get(service.server.channels(), headers=bearer, timeout=60),
        "create": lambda: requests.post(service.server.channels(), new, headers=bearer, timeout=60),
        "token": lambda: requests.post(f"{url}/login/oauth2/token", token, timeout=60),
        "webhook": lambda: requests.post(
            f"{url}/webhooks/postmark", event, headers=hook, auth=by, timeout=60
        ),
        "page": lambda: requests.get(
            f"{url}/profile/communication", headers=BROWSER | session, allow_redirects=False, timeout=60
        ),
    }


def answers(service: Service) -> dict[str, requests.Response]:
    """To all of them at once."""
    asked = ask(service)
    with ThreadPoolExecutor(len(asked)) as pool:
        return dict(zip(asked, pool.map(lambda send: send(), asked.values()), strict=True))


def lines(service: Service, since: int) -> list[dict[str, Any]]:
    return [json.loads(line) for line in service.log.read_text()[since:].splitlines() if line[:1] == "{"]


def wait_until_back(service: Service) -> float:
    """How many seconds it takes; nobody helps."""
    started = time.monotonic()
    while service.get().status_code != 200:
        assert time.monotonic() - started < BOUND
        time.sleep(0.1)
    return time.monotonic() - started


@pytest.mark.parametrize("fault", [stopped, without_connections, shut_down])
def test_all_are_told_to_try_again_and_one_line_is_logged_of_each(
    service: Service, fault: Callable[[Service], Any]
) -> None:
    assert {name: answer.status_code for name, answer in answers(service).items()} == {
        **{"list": 200, "create": 200, "token": 401, "webhook": 200, "page": 302}
    }
    since = len(service.log.read_text())
    with fault(service):
        started = time.monotonic()
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(answers, service)
            alive = requests.get(f"{service.server.url}/healthz", timeout=5)
            found = asked.result()
        waited = time.monotonic() - started
        ready = requests.get(f"{service.server.url}/readyz", timeout=60)
    assert alive.status_code == 200
    assert ready.status_code == 503
    assert ready.json()["problems"] == ["database: OperationalError"]
    assert {name: answer.status_code for name, answer in found.items()} == dict.fromkeys(found, 503)
    assert {int(answer.headers["Retry-After"]) for answer in found.values()} <= {1, 5}
    page = found.pop("page")
    assert "Im Moment können wir nicht antworten" in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert all(answer.json()["errors"][0]["message"] for answer in found.values())
    assert waited < BOUND
    wait_until_back(service)
    logged = [line for line in lines(service, since) if line["message"] == "the database is away"]
    assert logged
    assert all(line["reason"] and line["request_id"] for line in logged)
    assert "Traceback" not in service.log.read_text()[since:]


def test_a_read_only_database_serves_lists_and_takes_writes_once_it_may(service: Service) -> None:
    since = len(service.log.read_text())
    with service.connect() as admin:
        admin.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        admin.execute("SELECT pg_reload_conf()")
        try:
            for _ in range(100):
                with service.connect() as other:
                    shown = other.execute("SHOW default_transaction_read_only").fetchone()
                if shown == ("on",):
                    break
            found = answers(service)
            ready = requests.get(f"{service.server.url}/readyz", timeout=30)
        finally:
            admin.execute("SET default_transaction_read_only = off")
            admin.execute("ALTER SYSTEM RESET default_transaction_read_only")
            admin.execute("SELECT pg_reload_conf()")
    assert {name: answer.status_code for name, answer in found.items()} == {
        **{"list": 200, "create": 503, "token": 401, "webhook": 503, "page": 302}
    }
    assert (ready.status_code, ready.json()) == (200, {"ready": True, "problems": ["database: read-only"]})
    assert {line["sqlstate"] for line in lines(service, since) if "sqlstate" in line} == {"25006"}
    deadline = time.monotonic() + BOUND
    while ask(service)["create"]().status_code != 200:
        assert time.monotonic() < deadline


@contextmanager
def slow(service: Service) -> Iterator[None]:
    """Each change takes a minute where it is noted down."""
    with service.connect() as admin:
        admin.execute(
            "CREATE FUNCTION take_long() RETURNS trigger LANGUAGE plpgsql AS "
            "$$BEGIN PERFORM pg_sleep(60); RETURN NEW; END$$"
        )
        admin.execute(
            "CREATE TRIGGER slow BEFORE INSERT ON channels_api_auditentry EXECUTE FUNCTION take_long()"
        )
        try:
            yield
        finally:
            admin.execute("DROP FUNCTION take_long CASCADE")


def test_a_statement_that_takes_too_long_is_ended(service: Service) -> None:
    since = len(service.log.read_text())
    with slow(service):
        refused = ask(service)["create"]()
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert [line["sqlstate"] for line in lines(service, since) if "sqlstate" in line] == ["57014"]
    assert ask(service)["create"]().status_code == 200


def test_behind_a_pooler_the_limits_of_the_role_hold(service: Service, tmp_path: Path) -> None:
    """The service's own reach no server there, and would be longer."""
    log = tmp_path / "log"
    url = service.postgres.url().replace("//postgres@", "//limited@")
    waits = {"DATABASE_LOCK_SECONDS": "60", "DATABASE_STATEMENT_SECONDS": "60"}
    with service.connect() as admin, psycopg.connect(service.postgres.url()) as holder:
        admin.execute("CREATE ROLE limited LOGIN SUPERUSER")
        admin.execute("ALTER ROLE limited SET lock_timeout = '500ms'")
        admin.execute("ALTER ROLE limited SET statement_timeout = '1500ms'")
        try:
            with serve(log, DATABASE_URL=url, DATABASE_POOLER="transaction", **waits) as server:
                pooled = replace(service, server=server, log=log)
                holder.execute("SELECT FROM identity_user WHERE id = %s FOR UPDATE", [service.user_id])
                locked = ask(pooled)["create"]()
                holder.rollback()
                with slow(service):
                    too_slow = ask(pooled)["create"]()
        finally:
            admin.execute("DROP ROLE limited")
    assert [locked.status_code, too_slow.status_code] == [503, 503]
    assert [line["sqlstate"] for line in lines(pooled, 0) if "sqlstate" in line] == ["55P03", "57014"]


def test_a_request_survives_the_end_of_its_connection(service: Service) -> None:
    assert service.get().status_code == 200
    with service.connect() as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
    assert {name: answer.status_code for name, answer in answers(service).items()} == {
        **{"list": 200, "create": 200, "token": 401, "webhook": 200, "page": 302}
    }


def test_who_waits_for_a_locked_row_is_told_soon(service: Service) -> None:
    """14 requests of one token do."""
    with ThreadPoolExecutor(14) as pool, psycopg.connect(service.postgres.url()) as holder:
        holder.execute("SELECT FROM identity_user WHERE id = %s FOR UPDATE", [service.user_id])
        started = time.monotonic()
        create = ask(service)["create"]
        waiting = [pool.submit(create) for _ in range(14)]
        assert requests.get(f"{service.server.url}/healthz", timeout=5).status_code == 200
        refused = [one.result() for one in waiting]
        waited = time.monotonic() - started
        holder.rollback()
    assert {answer.status_code for answer in refused} == {503}
    assert waited < BOUND
    assert ask(service)["create"]().status_code == 200


def test_one_users_locked_row_stops_nobody_else(service: Service, tmp_path: Path) -> None:
    """Others are answered while those who wait for it still do, which is for a minute here."""
    waits = {"DATABASE_LOCK_SECONDS": "60", "DATABASE_STATEMENT_SECONDS": "60"}
    with (
        serve(tmp_path / "log", DATABASE_URL=service.postgres.url(), **waits) as server,
        ThreadPoolExecutor(14) as pool,
        psycopg.connect(service.postgres.url()) as holder,
    ):
        here = replace(service, server=server)
        holder.execute("SELECT FROM identity_user WHERE id = %s FOR UPDATE", [service.user_id])
        create = ask(here)["create"]
        waiting = [pool.submit(create) for _ in range(14)]
        _until_one_waits(service)
        for _ in range(10):
            answer = here.get(service.other_token)
            assert answer.status_code == 200, answer.text
        assert not all(one.done() for one in waiting)
        holder.rollback()
        assert 200 in {one.result().status_code for one in waiting}


def _until_one_waits(service: Service) -> None:
    """For a lock."""
    deadline = time.monotonic() + BOUND
    with service.connect() as admin:
        while admin.execute("SELECT FROM pg_locks WHERE NOT granted").fetchone() is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
