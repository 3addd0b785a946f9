"""``scripts/benchmark soak``: 20,000 mixed requests and 20,000 jobs, and what the processes hold meanwhile.

A first part warms them up. After that memory, open files and connections to PostgreSQL must stay as they are.
"""

import sys
from argparse import Namespace
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.client import HTTPConnection
from typing import NamedTuple
from urllib.parse import urlencode

import psutil
import psycopg

from tests.tools.benchmarks.deliveries import CONFIRMATIONS, Sinks, drain, worker
from tests.tools.benchmarks.seed import token_of
from tests.tools.benchmarks.servers import HOST, PATH, Server, ours, running

PARTS = 5
EACH = 4000  # requests and jobs in each part
CLIENTS = 8
USERS = 2000
CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"

Request = tuple[str, str, dict[str, str], int]  # method, path, form, and the status that is right


class Spare(NamedTuple):
    """What may be more than after the first part: caches fill, and threads are needed for the first time."""

    memory: float = 1.1  # times
    files: int = 8
    connections: int = 4


class Held(NamedTuple):
    """Megabytes (PSS) and open files of the web processes and of the worker, and connections of all."""

    web_memory: float
    web_files: int
    worker_memory: float
    worker_files: int
    connections: int

    def exceeds(self, first: "Held", spare: Spare) -> list[str]:
        most = Held(
            first.web_memory * spare.memory,
            first.web_files + spare.files,
            first.worker_memory * spare.memory,
            first.worker_files + spare.files,
            first.connections + spare.connections,
        )
        return [name for name, value, bound in zip(self._fields, self, most, strict=True) if value > bound]


def requests(part: int, client: int, each: int) -> Iterator[Request]:
    """A client's share: lists mostly, creates, devices, and what is refused."""
    for number in range(each // CLIENTS):
        new = f"{part}.{client}.{number}"
        match number % 10:
            case 0:
                yield "POST", PATH, _channel(type="email", address=f"soak{new}@example.edu"), 200
            case 1:
                yield "POST", PATH, _channel(type="push", token=f"{hash(new) % 2**64:064x}"), 200
            case 2:
                yield "POST", PATH, _channel(type="email", address="not an address"), 400
            case 3:
                yield "GET", f"{PATH}?access_token=made-up", {}, 401
            case 4:
                yield "GET", "/api/v1/users/self/nothing", {}, 404
            case 5:
                yield "GET", "/login", {}, 200
            case _:
                yield "GET", PATH, {}, 200


def _channel(**fields: str) -> dict[str, str]:
    return {f"communication_channel[{name}]": value for name, value in fields.items()}


def ask(server: Server, part: int, client: int, each: int) -> int:
    """One after the other; how many there were. Ends the program where one is answered wrongly."""
    connection = HTTPConnection(HOST, server.port, timeout=60)
    asked = 0
    for method, path, form, right in requests(part, client, each):
        asked += 1
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
        if right != 401:
            headers["Authorization"] = f"Bearer {token_of(1 + (asked * CLIENTS + client) % USERS)}"
        connection.request(method, path, urlencode(form) if form else None, headers)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != right:
            sys.exit(f"{method} {path}: {answer.status}, not {right}: {content[:300]!r}")
    connection.close()
    return asked


def held(server: Server, working: psutil.Process, connections: int) -> Held:
    serving = psutil.Process(server.process.pid).children(recursive=True)
    return Held(
        sum(process.memory_full_info().pss for process in serving) / 2**20,
        sum(process.num_fds() for process in serving),
        working.memory_full_info().pss / 2**20,
        working.num_fds(),
        connections,
    )


def measure(options: Namespace, environ: dict[str, str]) -> None:
    soak(environ, PARTS, EACH, Spare())


def soak(environ: dict[str, str], parts: int, each: int, spare: Spare) -> None:
    """Ends the program where something has grown, or is answered wrongly."""
    with ExitStack() as stack:
        sinks = stack.enter_context(Sinks())
        environ = environ | sinks.settings
        database = stack.enter_context(psycopg.connect(environ["DATABASE_URL"], autocommit=True))
        [server] = stack.enter_context(running([(ours, environ)]))
        working = stack.enter_context(worker(environ))
        print(f"{'':>10}  " + "".join(f"{name:>16}" for name in Held._fields))
        first = None
        with ThreadPoolExecutor(CLIENTS) as clients:
            for part in range(parts + 1):
                shares = [clients.submit(ask, server, part, client, each) for client in range(CLIENTS)]
                made = sum(share.result() for share in shares)
                database.execute(CONFIRMATIONS.replace("%(jobs)s", str(each - made // 5)))
                drain(database)
                [connections] = database.execute(CONNECTIONS).fetchone() or (0,)
                now = held(server, working, connections)
                figures = "".join(f"{value:16.0f}" for value in now)
                print(f"{each * part or 'warm':>10}  {figures}", flush=True)
                first = first or now
                if more := now.exceeds(first, spare):
                    sys.exit(f"more than after the first part: {', '.join(more)}")
