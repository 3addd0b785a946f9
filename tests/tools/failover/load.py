"""Clients that list and create until they are told to stop, through each of the web servers."""

import threading
import time
from collections import Counter
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from itertools import pairwise
from random import Random

from tests.faults.clients import CHANNELS, TIMEOUT, Client, Record, Request, news_for, requests_of
from tests.faults.processes import HOST, Web
from tests.faults.service import Service

CLIENTS = 4  # of a web server
REQUESTS = 9_999  # more than they come to
PAUSE = 0.6  # seconds between two of one client
NEWS_PAUSE = 6.0
RECIPIENTS = 20


class Caller(Client):
    """``created`` has when each of its creates, and of those that share it, was answered with 200."""

    def __init__(
        self, web: Web, requests: list[Request], record: Record, created: list[float], pause: float
    ) -> None:
        super().__init__(web.port, requests, 0, record, seed=Random().random())
        self.created = created
        self.pause = pause
        self.lists: Counter[str] = Counter()
        self.told = threading.Event()

    def run(self) -> None:
        for request in self.requests:
            if self.told.wait(self.pause * self.chance.uniform(0.5, 1.5)):
                return
            self.list_channels(request)
            self.insist(request)

    def ask(self, request: Request) -> tuple[int, str]:
        status, body = super().ask(request)
        if status == 200:
            self.created.append(time.monotonic())
        return status, body

    def list_channels(self, request: Request) -> None:
        connection = HTTPConnection(HOST, self.port, timeout=TIMEOUT)
        try:
            connection.request("GET", CHANNELS, headers={"Authorization": f"Bearer {request.token}"})
            answer = connection.getresponse()
            answer.read()
            self.lists[str(answer.status)] += 1
        except (OSError, HTTPException) as error:
            self.lists[type(error).__name__] += 1
        finally:
            connection.close()


class Load:
    """``webs`` are the web servers by how they reach the database."""

    def __init__(self, service: Service, webs: Mapping[str, Web], notifications: int) -> None:
        self.created: dict[str, list[float]] = {way: [] for way in webs}
        requests = requests_of(service.people, REQUESTS, Random(0))
        count = CLIENTS * len(webs)
        self.callers = [
            Caller(web, requests[number::count], service.record, self.created[way], PAUSE)
            for number, (way, web) in enumerate([*webs.items()] * CLIENTS)
        ]
        news = news_for(service.people, service.admin, notifications, RECIPIENTS)
        self.callers.append(Caller(next(iter(webs.values())), news, service.record, [], NEWS_PAUSE))
        for caller in self.callers:
            caller.start()

    def stop(self) -> None:
        """Each asks on until it knows what came of its last request."""
        for caller in self.callers:
            caller.told.set()
        for caller in self.callers:
            caller.join()

    def lists(self) -> Counter[str]:
        """By their status, or what went wrong."""
        return sum((caller.lists for caller in self.callers), Counter())

    def longest_wait(self, way: str, since: float) -> float:
        """The longest time without a create, in seconds."""
        times = sorted(self.created[way])
        return max(later - earlier for earlier, later in pairwise(times) if later > since)
