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
from typing import Any

import boto3
import psycopg
import pytest
from botocore.config import Config
from moto.sns.models import sns_backends

from canvas_channels.demo.postgres import EmbeddedPostgres
from tests.faults import processes
from tests.faults.clients import Client, Record, news_for, requests_of
from tests.faults.processes import CONCURRENCY, Supervised, Web, Worker
from tests.faults.schedule import LONG, SHORT, Event, Plan, schedule
from tests.faults.standins import MailServer, Received, SnsServer
from tests.faults.verdict import Verdict, ask, judge, undone
from tests.notifications.services import CREDENTIALS


class Run:
    """Everything that runs, and what is done to it."""

    def __init__(self, plan: Plan, seed: int, data_dir: Path, folder: Path) -> None:
        self.plan = plan
        self.chance = random.Random(seed)
        self.folder = folder
        self.received, self.record = Received(), Record()
        self.mail, self.sns = MailServer(self.received), SnsServer(self.received)
        self.postgres = EmbeddedPostgres(data_dir, log_file=folder / "postgres.log")
        self.web: Web | None = None
        self.workers: list[Worker] = []
        self.done: Counter[str] = Counter()

    def start(self) -> None:
        self.postgres.start()
        environment = processes.environment(self.postgres, self.mail.port, self.sns.url)
        processes.manage(environment, "manage.py", "migrate", "--no-input", "--verbosity", "0")
        application = self.operator().create_platform_application(
            Name="Student", Platform="GCM", Attributes={"PlatformCredential": "x"}
        )
        self.application = application["PlatformApplicationArn"]
        *self.people, self.admin = processes.seed(environment, self.plan.people, self.application)
        self.web = Web(environment, self.folder)
        self.workers = [Worker(n, environment, self.folder) for n in range(1, self.plan.workers + 1)]
        self.web.wait_until_ready()

    def stop(self) -> None:
        processes.stop(self.supervised())
        self.postgres.stop()
        self.mail.stop()
        self.sns.stop()

    def supervised(self) -> list[Supervised]:
        return [*self.workers, *([self.web] if self.web else [])]

    def operator(self) -> Any:
        """A client of SNS that no fault meets."""
        config = Config(user_agent_extra="operator")
        return boto3.client(
            "sns", region_name="us-east-1", endpoint_url=self.sns.url, config=config, **CREDENTIALS
        )

    def go(self) -> Verdict:
        assert self.web
        plan = self.plan
        requests = requests_of(self.people, plan.requests, self.chance)
        clients = [
            Client(
                self.web.port,
                requests[number :: plan.clients],
                plan.seconds,
                self.record,
                self.chance.random(),
            )
            for number in range(plan.clients)
        ]
        news = news_for(self.people, self.admin, plan.notifications, plan.recipients)
        clients.append(Client(self.web.port, news, plan.seconds, self.record, self.chance.random()))
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
        return judge(self.postgres.url(), self.record.accepted, self.received, self.endpoints())

    def happen(self, event: Event) -> None:
        match event.what:
            case "kill worker":
                self.chance.choice(self.workers).kill_counting(self.postgres)
            case "kill web":
                assert self.web
                self.web.kill()
            case "kill web process":
                assert self.web
                if not self.web.kill_one(self.chance.randrange(100)):
                    return
            case "restart database":
                how = signal.SIGINT if event.detail == "fast" else signal.SIGQUIT
                self.postgres.restart(how, down=self.chance.uniform(0, 2))
            case "mail":
                self.mail.fault.name = event.detail
                return
            case "sns":
                self.sns.fault.name = event.detail
                return
        self.done[f"{event.what} {event.detail}".strip()] += 1

    def look_after(self) -> None:
        """What a supervisor does, and where it is in a hurry, the time."""
        for child in self.supervised():
            child.watch()
        if not self.plan.patient:
            with suppress(psycopg.OperationalError):
                self.let_time_pass()
        time.sleep(0.2)

    def let_time_pass(self) -> None:
        """What waits for its next try is due, and the dead are silent for long."""
        url = self.postgres.url()
        ask(  # but for messages' jobs: a minute passes until the claim of a dead worker has run out
            url,
            "UPDATE procrastinate_jobs SET scheduled_at = now() WHERE status = 'todo' "
            "AND scheduled_at > now() AND task_name <> 'notifications.deliver_messages'",
        )
        dead = [worker_id for worker in self.workers for worker_id in worker.dead_ids()]
        ask(
            url,
            "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour' WHERE id = ANY(%s)",
            dead,
        )
        ask(
            url,
            "UPDATE notifications_message SET due_at = now() "
            "WHERE workflow_state = 'staged' AND waits_for = 'retry' AND due_at > now()",
        )
        ask(
            url,
            "INSERT INTO procrastinate_jobs (task_name, queue_name, queueing_lock, args) VALUES "
            "('notifications.retry_stalled', 'default', 'retry_stalled', '{\"timestamp\": 0}'), "
            "('notifications.collect_waiting', 'default', 'collect_waiting', '{\"timestamp\": 0}') "
            "ON CONFLICT DO NOTHING",
        )

    def endpoints(self) -> list[dict[str, str]]:
        pages = self.operator().get_paginator("list_endpoints_by_platform_application")
        found = pages.paginate(PlatformApplicationArn=self.application)
        return [endpoint["Attributes"] for page in found for endpoint in page["Endpoints"]]

    def interrupted(self) -> int:
        """How many jobs were cut off at most: those of killed workers, and all when the database went."""
        restarts = sum(count for what, count in self.done.items() if what.startswith("restart database"))
        return sum(worker.killed for worker in self.workers) + restarts * len(self.workers) * CONCURRENCY


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
    assert not run.record.refused
    assert not run.record.unanswered
    assert len(run.record.accepted) == plan.requests + plan.notifications
    assert verdict.lost == []
    assert verdict.stuck == []
    assert verdict.misplaced == []
    assert verdict.doubled <= run.interrupted()


def report(run: Run, seed: int, verdict: Verdict, seconds: float) -> str:
    """For a person, who may want to run the same again."""
    done = ", ".join(f"{what} {count}" for what, count in sorted(run.done.items()))
    ended = {child.name: child.ended_itself for child in run.supervised() if child.ended_itself}
    return (
        f"\nseed {seed}, {seconds:.0f} s; logs in {run.folder}\n"
        f"done: {done}\n"
        f"mail server: {dict(run.mail.fault.met)}; SNS: {dict(run.sns.fault.met)}\n"
        f"answers that clients missed: {dict(run.record.unknown)}; ended by themselves: {ended}\n"
        f"accepted {len(run.record.accepted)}, delivered {verdict.delivered}, "
        f"jobs tried again {verdict.retried}, cut off at most {run.interrupted()}\n"
        f"lost {len(verdict.lost)}, doubled {verdict.doubled}, stuck {len(verdict.stuck)}\n"
    )
