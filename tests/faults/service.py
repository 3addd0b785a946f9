"""The service as operators run it, with stand-ins for those that deliver, and the people who use it."""

from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from tests import ROOT
from tests.faults import processes
from tests.faults.clients import Record
from tests.faults.processes import Supervised, Web, Worker
from tests.faults.standins import MailServer, Received, SnsServer
from tests.faults.verdict import Verdict, ask, judge
from tests.notifications.services import CREDENTIALS


class Service:
    """``record`` is what clients were told, ``received`` what was delivered."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.received, self.record = Received(), Record()
        self.mail, self.sns = MailServer(self.received), SnsServer(self.received)
        self.webs: list[Web] = []
        self.workers: list[Worker] = []

    def prepare(self, database_url: str, people: int) -> None:
        """The schema, and people with an admin."""
        environment = self.environment(database_url)
        processes.manage(environment, "manage.py", "migrate", "--no-input", "--verbosity", "0")
        self.seed(database_url, people)

    def seed(self, database_url: str, people: int) -> None:
        application = self.operator().create_platform_application(
            Name="Student", Platform="GCM", Attributes={"PlatformCredential": "x"}
        )
        self.application = application["PlatformApplicationArn"]
        *self.people, self.admin = processes.seed(self.environment(database_url), people, self.application)

    def start(self, database_url: str, workers: int, name: str = "") -> Web:
        """A web server and workers; ``name`` tells them from others that were started."""
        for number in range(1, workers + 1):
            self.start_worker(database_url, f"{name}{number}")
        return self.start_web(database_url, name)

    def start_web(self, database_url: str, name: str = "", root: Path = ROOT) -> Web:
        """``root`` is where its code is."""
        self.webs.append(Web(f"web{name}", self.environment(database_url), self.folder, root))
        return self.webs[-1]

    def start_worker(self, database_url: str, name: str, root: Path = ROOT) -> Worker:
        self.workers.append(Worker(f"worker{name}", self.environment(database_url), self.folder, root))
        return self.workers[-1]

    def stop(self) -> None:
        processes.stop(self.supervised())
        self.mail.stop()
        self.sns.stop()

    def environment(self, database_url: str) -> dict[str, str]:
        return processes.environment(database_url, self.mail.port, self.sns.url)

    def supervised(self) -> list[Supervised]:
        return [*self.workers, *self.webs]

    def watch(self) -> None:
        """What a supervisor does."""
        for child in self.supervised():
            child.watch()

    def ended_themselves(self) -> dict[str, int]:
        """How often, by name, where it was."""
        return {child.name: child.ended_itself for child in self.supervised() if child.ended_itself}

    def operator(self) -> Any:
        """A client of SNS that no fault meets."""
        config = Config(user_agent_extra="operator")
        return boto3.client(
            "sns", region_name="us-east-1", endpoint_url=self.sns.url, config=config, **CREDENTIALS
        )

    def let_time_pass(self, database_url: str) -> None:
        """What waits for its next try is due, and the dead are silent for long."""
        ask(
            database_url,
            "UPDATE procrastinate_jobs SET scheduled_at = now() WHERE status = 'todo' "
            "AND scheduled_at > now()",
        )
        dead = [worker_id for worker in self.workers for worker_id in worker.dead_ids()]
        ask(
            database_url,
            "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour' WHERE id = ANY(%s)",
            dead,
        )
        ask(
            database_url,
            "UPDATE notifications_message SET due_at = now() "
            "WHERE workflow_state = 'staged' AND waits_for = 'retry' AND due_at > now()",
        )
        ask(
            database_url,
            "INSERT INTO procrastinate_jobs (task_name, queue_name, queueing_lock, args) VALUES "
            "('notifications.retry_stalled', 'default', 'retry_stalled', '{\"timestamp\": 0}'), "
            "('notifications.collect_waiting', 'default', 'collect_waiting', '{\"timestamp\": 0}') "
            "ON CONFLICT DO NOTHING",
        )

    def judge(self, database_url: str) -> Verdict:
        return judge(database_url, self.record.accepted, self.received, self.endpoints())

    def endpoints(self) -> list[dict[str, str]]:
        pages = self.operator().get_paginator("list_endpoints_by_platform_application")
        found = pages.paginate(PlatformApplicationArn=self.application)
        return [endpoint["Attributes"] for page in found for endpoint in page["Endpoints"]]
