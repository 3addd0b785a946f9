"""``scripts/benchmark outage``: what creating and registering cost while nothing can be delivered.

One client asks, a request at a time, for new addresses and devices; web server, worker and PostgreSQL run
beside it. Each round has three parts: the mail server and SNS up, refusing connections, and hanging (they
take connections and never answer). Between the parts what was left undone is done.
"""

import json
import statistics
import sys
import time
from argparse import Namespace
from collections import defaultdict
from contextlib import ExitStack
from http.client import HTTPConnection
from urllib.parse import urlencode

import psycopg

from tests.tools.benchmarks.deliveries import Sinks, drain, worker
from tests.tools.benchmarks.seed import token_of
from tests.tools.benchmarks.servers import HOST, PATH, Server, ours, running

STATES = ("up", "refusing", "hanging")
PACE = 0.02  # seconds from one request to the next
USERS = 1000
WARM_UP = 50  # requests before any counts
NOW = "UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE status = 'todo'"

Seconds = dict[str, list[float]]


class Client:
    """Asks for something new each time, over one connection."""

    def __init__(self, server: Server) -> None:
        self._connection = HTTPConnection(HOST, server.port, timeout=30)
        self._asked = 0

    def ask(self, requests: int) -> Seconds:
        """So many of each kind, in turn."""
        self._connection.close()  # the server does not keep an idle one for long
        took: Seconds = {"create": [], "device": []}
        for _ in range(requests):
            self._asked += 1
            took["create"].append(self._post(type="email", address=f"new{self._asked}@example.edu"))
            took["device"].append(self._post(type="push", token=f"{self._asked:064x}"))
        return took

    def _post(self, **channel: str) -> float:
        body = urlencode({f"communication_channel[{name}]": value for name, value in channel.items()})
        headers = {
            "Authorization": f"Bearer {token_of(1 + self._asked % USERS)}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        began = time.perf_counter()
        self._connection.request("POST", PATH, body, headers)
        answer = self._connection.getresponse()
        content = answer.read()
        seconds = time.perf_counter() - began
        if answer.status != 200:
            sys.exit(f"{answer.status}: {json.loads(content)}")
        time.sleep(max(0.0, PACE - seconds))
        return seconds


def measure(options: Namespace, environ: dict[str, str]) -> None:
    """Prints the medians of the rounds, and their ratios to when all is up."""
    figures: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    with ExitStack() as stack:
        sinks = stack.enter_context(Sinks())
        environ = environ | sinks.settings | {"WORKER_CONCURRENCY": str(options.concurrency)}
        database = stack.enter_context(psycopg.connect(environ["DATABASE_URL"], autocommit=True))
        [server] = stack.enter_context(running([(ours, environ)]))
        stack.enter_context(worker(environ))
        client = Client(server)
        client.ask(WARM_UP)
        for _ in range(options.rounds):
            for state in STATES:
                sinks.be(state)
                client.ask(WARM_UP // 5)
                for kind, seconds in client.ask(options.requests).items():
                    centiles = statistics.quantiles(seconds, n=100)
                    figures[state, kind, "p50"].append(centiles[49])
                    figures[state, kind, "p99"].append(centiles[98])
                sinks.be("up")
                drain(database, NOW)
    print(f"{'':20}" + "".join(f"{state + ' ms':>14}{'ratio':>7}" for state in STATES))
    for kind in ("create", "device"):
        for centile in ("p50", "p99"):
            medians = [1000 * statistics.median(figures[state, kind, centile]) for state in STATES]
            line = "".join(f"{median:14.2f}{median / medians[0]:7.2f}" for median in medians)
            print(f"{kind:12}{centile:8}{line}")
