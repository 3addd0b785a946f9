"""What goes wrong, and when: drawn from a seed."""

import random
from dataclasses import dataclass

from tests.faults.standins import MAIL_FAULTS, SNS_FAULTS


@dataclass(frozen=True)
class Plan:
    """``seconds`` is how long the clients take, and things go wrong meanwhile. ``notifications`` go to
    ``recipients`` people each.

    ``patient`` leaves the queue its own waits: up to minutes for a retry, a minute and a half for the jobs of
    a dead worker. Else the test has the time pass in the database.
    """

    requests: int
    notifications: int
    recipients: int
    people: int
    clients: int
    seconds: float
    workers: int
    worker_kills: int
    web_process_kills: int
    web_kills: int
    drain_seconds: float
    patient: bool


SHORT = Plan(
    requests=300,
    notifications=3,
    recipients=10,
    people=10,
    clients=6,
    seconds=12,
    workers=2,
    worker_kills=2,
    web_process_kills=1,
    web_kills=1,
    drain_seconds=240,
    patient=False,
)
LONG = Plan(
    requests=2000,
    notifications=20,
    recipients=100,
    people=100,
    clients=10,
    seconds=150,
    workers=3,
    worker_kills=20,
    web_process_kills=10,
    web_kills=3,
    drain_seconds=420,
    patient=True,
)


@dataclass(frozen=True, order=True)
class Event:
    """``what`` is an action of the test; ``detail`` says how."""

    at: float
    what: str
    detail: str = ""


def schedule(plan: Plan, chance: random.Random) -> list[Event]:
    """In the order of time; after the last one nothing is wrong any more."""
    seconds = plan.seconds

    def somewhen(early: float = 0.05, late: float = 1) -> float:
        return chance.uniform(early * seconds, late * seconds)

    events = [Event(somewhen(), "kill worker") for _ in range(plan.worker_kills)]
    events += [Event(somewhen(), "kill web process") for _ in range(plan.web_process_kills)]
    events += [Event(somewhen(), "kill web") for _ in range(plan.web_kills)]
    events += [Event(somewhen(0.3, 0.7), "restart database", chance.choice(["fast", "immediate"]))]
    for service, faults in (("mail", MAIL_FAULTS), ("sns", SNS_FAULTS)):
        at, order = chance.uniform(0, 1), list(faults)
        while at < seconds:
            chance.shuffle(order)
            for fault in order:
                ends = min(seconds, at + chance.uniform(1, 3))
                if at < seconds:
                    events += [Event(at, service, fault), Event(ends, service, "")]
                at = ends + chance.uniform(0.5, 2)
    return sorted(events)
