"""No accepted request is lost, whatever is killed or away meanwhile.

``scripts/test --faults`` runs the long form.
"""

import random
import signal
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from moto.sns.models import sns_backends

from canvas_channels.demo.postgres import EmbeddedPostgres
from notifications.worker.turns import GROUP
from tests.faults.clients import Client, news_for, requests_of
from tests.faults.processes import CONCURRENCY
from tests.faults.schedule import LONG, SHORT, Event, Plan, schedule
from tests.faults.service import Service
from tests.faults.verdict import Verdict, undone


class Run:
    """Everything that runs, and what is done to it."""

    def __init__(self, plan: Plan, seed: int, data_dir: Path, folder: Path) -> None:
        self.plan = plan
        self.chance = random.Random(seed)
        self.service = Service(folder)
        self.postgres = EmbeddedPostgres(data_dir, log_file=folder / "postgres.log")
        self.done: Counter[str] = Counter()

    def start(self) -> None:
        self.postgres.start()
        self.service.prepare(self.postgres.url(), self.plan.people)
        self.web = self.service.start(self.postgres.url(), self.plan.workers)
        self.web.wait_until_ready()

    def stop(self) -> None:
        self.service.stop()
        self.postgres.stop()

    def go(self) -> Verdict:
        plan, service = self.plan, self.service
        requests = requests_of(service.people, plan.requests, self.chance)
        clients = [
            Client(
                self.web.port,
                requests[number :: plan.clients],
                plan.seconds,
                service.record,
                self.chance.random(),
            )
            for number in range(plan.clients)
        ]
        news = news_for(service.people, service.admin, plan.notifications, plan.recipients)
        clients.append(Client(self.web.port, news, plan.seconds, service.record, self.chance.random()))
        events = schedule(plan, self.chance)
        began = time.monotonic()
        for client in clients:
            client.start()
        while events or any(client.is_alive() for client in clients):
            while events and events[0].at <= time.monotonic() - began:
                self.happen(events.pop(0))
            self.look_after()
        deadline = time.monotonic() + plan.drain_seconds
        while undone(self.postgres.url()) and time.monotonic() < deadline:
            self.look_after()
        return service.judge(self.postgres.url())

    def happen(self, event: Event) -> None:
        match event.what:
            case "kill worker":
                self.chance.choice(self.service.workers).kill_counting(self.postgres.url())
            case "kill web":
                self.web.kill()
            case "kill web process":
                if not self.web.kill_one(self.chance.randrange(100)):
                    return
            case "restart database":
                how = signal.SIGINT if event.detail == "fast" else signal.SIGQUIT
                self.postgres.restart(how, down=self.chance.uniform(0, 2))
            case "mail":
                self.service.mail.fault.name = event.detail
                return
            case "sns":
                self.service.sns.fault.name = event.detail
                return
        self.done[f"{event.what} {event.detail}".strip()] += 1

    def look_after(self) -> None:
        """What a supervisor does, and where it is in a hurry, the time."""
        self.service.watch()
        if not self.plan.patient:
            with suppress(psycopg.OperationalError):
                self.service.let_time_pass(self.postgres.url())
        time.sleep(0.2)

    def interrupted(self) -> int:
        """How much was cut off at most: what killed workers did, and a group of each job when the database
        went.
        """
        restarts = sum(count for what, count in self.done.items() if what.startswith("restart database"))
        workers = self.service.workers
        each_time = len(workers) * CONCURRENCY * GROUP
        return sum(worker.killed for worker in workers) + restarts * each_time


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_accepted_request_is_lost(request: pytest.FixtureRequest, data_dir: Path, tmp_path: Path) -> None:
    plan = LONG if request.config.getoption("--long-faults", False) else SHORT
    seed = request.config.getoption("--fault-seed", None) or random.SystemRandom().randrange(10**6)
    sns_backends.reset()  # moto's state belongs to the process, not to the server
    run = Run(plan, seed, data_dir, tmp_path)
    began = time.monotonic()
    try:
        run.start()
        verdict = run.go()
    finally:
        run.stop()
    sys.stdout.write(report(run, seed, verdict, time.monotonic() - began))
    assert not run.service.record.refused
    assert not run.service.record.unanswered
    assert len(run.service.record.accepted) == plan.requests + plan.notifications
    assert verdict.lost == []
    assert verdict.stuck == []
    assert verdict.misplaced == []
    assert verdict.doubled <= run.interrupted()


def report(run: Run, seed: int, verdict: Verdict, seconds: float) -> str:
    """For a person, who may want to run the same again."""
    done = ", ".join(f"{what} {count}" for what, count in sorted(run.done.items()))
    service = run.service
    return (
        f"\nseed {seed}, {seconds:.0f} s; logs in {service.folder}\n"
        f"done: {done}\n"
        f"mail server: {dict(service.mail.fault.met)}; SNS: {dict(service.sns.fault.met)}\n"
        f"answers that clients missed: {dict(service.record.unknown)}; "
        f"ended by themselves: {service.ended_themselves()}\n"
        f"accepted {len(service.record.accepted)}, delivered {verdict.delivered}, "
        f"jobs tried again {verdict.retried}, cut off at most {run.interrupted()}\n"
        f"lost {len(verdict.lost)}, doubled {verdict.doubled}, stuck {len(verdict.stuck)}\n"
    )
