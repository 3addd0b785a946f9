"""Clients that list and create without a pause, and remember what became of each request."""

import http.client
import threading
import time
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any
from urllib.parse import urlencode

CLIENTS = 4
PATH = "/api/v1/users/self/communication_channels"
PATIENCE = 30.0  # seconds


@dataclass(frozen=True, slots=True)
class Failure:
    """Both times are on the monotonic clock."""

    started: float
    ended: float
    method: str
    what: str


@dataclass
class Clients:
    host: str
    tokens: list[str]
    answered: int = 0
    accepted: list[str] = field(default_factory=list)  # addresses that are owed a message
    failures: list[Failure] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._lock = threading.Lock()
        share = len(self.tokens) // CLIENTS
        self._threads = [
            threading.Thread(target=self._run, args=(n, self.tokens[n * share : (n + 1) * share]))
            for n in range(CLIENTS)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, number: int, tokens: list[str]) -> None:
        turns = cycle(tokens)
        made = 0
        while not self._stop.is_set():
            token = next(turns)
            self._ask("GET", token, 200)
            made += 1
            address = f"c{number}-{made}@example.edu"
            form = {"communication_channel[type]": "email", "communication_channel[address]": address}
            if self._ask("POST", token, 200, urlencode(form)):
                self.accepted.append(address)
            time.sleep(0.02)

    def _ask(self, method: str, token: str, expected: int, form: str | None = None) -> bool:
        started = time.monotonic()
        headers = {"Authorization": f"Bearer {token}"}
        if form:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection: Any = http.client.HTTPConnection(self.host, timeout=PATIENCE)
        try:
            connection.request(method, PATH, form, headers)
            answer = connection.getresponse()
            answer.read()
            problem = "" if answer.status == expected else str(answer.status)
        except (OSError, http.client.HTTPException) as error:
            problem = type(error).__name__
        finally:
            connection.close()
        with self._lock:
            if problem:
                self.failures.append(Failure(started, time.monotonic(), method, problem))
            else:
                self.answered += 1
        return not problem
