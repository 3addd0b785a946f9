"""Clients that ask for channels, devices and notifications, and again only where they cannot know what came
of it.
"""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlencode

from tests.faults.processes import HOST

TIMEOUT = 10  # seconds that a client waits for an answer
PAUSE = (0.1, 0.5)  # seconds before it asks again
GIVE_UP_SECONDS = 120
CHANNELS = "/api/v1/users/self/communication_channels"
NOTIFICATIONS = "/api/v1/accounts/self/notifications"
UNIQUE = "unique!"


@dataclass(frozen=True, slots=True)
class Request:
    """``what`` is the address, the device token, or a notification's subject; no two requests have the same.

    ``recipients``: whom a notification is for, the address of each by their id.
    """

    user_id: int
    token: str
    type: str
    what: str
    recipients: tuple[tuple[int, str], ...] = ()

    @property
    def path(self) -> str:
        return NOTIFICATIONS if self.recipients else CHANNELS

    def headers(self) -> dict[str, str]:
        key = {"Idempotency-Key": self.what} if self.recipients else {}
        return {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/x-www-form-urlencoded",
            **key,
        }

    def body(self) -> str:
        if self.recipients:
            news = {"notification": "new_announcement", "subject": self.what, "body": "To room 12."}
            return urlencode([*news.items(), *(("user_ids[]", user_id) for user_id, _ in self.recipients)])
        field_name = "token" if self.type == "push" else "address"
        return urlencode(
            {
                "communication_channel[type]": self.type,
                f"communication_channel[{field_name}]": self.what,
            }
        )


@dataclass
class Record:
    """What the clients were told."""

    accepted: list[Request] = field(default_factory=list)
    refused: list[tuple[Request, int, str]] = field(default_factory=list)
    unanswered: list[Request] = field(default_factory=list)
    unknown: Counter[str] = field(default_factory=Counter)


def requests_of(people: Sequence[dict[str, object]], count: int, chance: random.Random) -> list[Request]:
    """Six in ten ask for email, two for text messages, two register a device."""
    made = []
    for number in range(count):
        person = people[number % len(people)]
        kind = chance.choices(["email", "sms", "push"], [6, 2, 2])[0]
        what = {
            "email": f"Person.{number}@example.edu",
            "sms": f"+1626555{number:04}",
            "push": f"{chance.getrandbits(128):032x}:APA91b{number}",
        }[kind]
        made.append(Request(int(str(person["id"])), str(person["token"]), kind, what))
    return made


def news_for(
    people: Sequence[dict[str, object]], admin: dict[str, object], notifications: int, recipients: int
) -> list[Request]:
    """Notifications to as many of the people each."""
    addressed = tuple((int(str(person["id"])), str(person["login"])) for person in people[:recipients])
    return [
        Request(int(str(admin["id"])), str(admin["token"]), "notification", f"News {number}", addressed)
        for number in range(notifications)
    ]


class Client(threading.Thread):
    """Sends its share over about ``seconds``, one request at a time."""

    def __init__(
        self, port: int, requests: Sequence[Request], seconds: float, record: Record, seed: float
    ) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.requests = requests
        self.wait = seconds / max(1, len(requests))
        self.record = record
        self.chance = random.Random(seed)

    def run(self) -> None:
        began = time.monotonic()
        for number, request in enumerate(self.requests):
            time.sleep(max(0, began + number * self.wait * self.chance.uniform(0.8, 1) - time.monotonic()))
            self.insist(request)

    def insist(self, request: Request) -> None:
        """Ask until there is an answer that says what came of it."""
        deadline = time.monotonic() + GIVE_UP_SECONDS
        in_doubt = False
        while time.monotonic() < deadline:
            try:
                status, body = self.ask(request)
            except (OSError, HTTPException) as error:
                self.record.unknown[type(error).__name__] += 1
            else:
                if status == 200 or (status == 400 and in_doubt and UNIQUE in body):
                    self.record.accepted.append(request)
                    return
                if status < 500 and status != HTTPStatus.CONFLICT:  # the first try is still being answered
                    self.record.refused.append((request, status, body[:200]))
                    return
                self.record.unknown[str(status)] += 1
            in_doubt = True
            time.sleep(self.chance.uniform(*PAUSE))
        self.record.unanswered.append(request)

    def ask(self, request: Request) -> tuple[int, str]:
        connection = HTTPConnection(HOST, self.port, timeout=TIMEOUT)
        try:
            connection.request("POST", request.path, request.body(), request.headers())
            answer = connection.getresponse()
            body = answer.read().decode()
            if answer.status == 200 and not request.recipients:
                assert json.loads(body)["user_id"] == request.user_id
            return answer.status, body
        finally:
            connection.close()
