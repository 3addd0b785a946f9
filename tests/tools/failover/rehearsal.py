"""A primary is lost under load, in one way after the other.

One web server and one worker reach the database through HAProxy, and as many by libpq's several hosts. Prints
each round when it is over, and in the end what it saw, as JSON.
"""

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, LiteralString

from canvas_channels.demo import postgres_files
from notifications.worker.turns import GROUP
from tests.faults.processes import CONCURRENCY
from tests.faults.service import Service
from tests.faults.verdict import ask, undone
from tests.tools.failover.cluster import Cluster
from tests.tools.failover.load import Load
from tests.tools.machines.network import Machine, make_network
from tests.tools.machines.waiting import wait_for

KILL, CUT_OFF, FREEZE = "primary killed", "primary cut off", "primary frozen"
SWITCH_OVER, STANDBY = "switched over", "synchronous standby killed"
LAST_WORKED: LiteralString = """
SELECT max(event.at) FROM procrastinate_events event JOIN procrastinate_jobs job ON job.id = event.job_id
WHERE event.type = 'succeeded' AND job.worker_id = ANY(%s)
"""

EVIDENCE: tuple[LiteralString, ...] = (
    "SELECT * FROM procrastinate_jobs ORDER BY id",
    "SELECT * FROM channels_api_confirmation ORDER BY id",
    "SELECT * FROM channels_api_pushdevice ORDER BY id",
    "SELECT * FROM notifications_dispatch ORDER BY id",
    "SELECT * FROM notifications_message ORDER BY id",
)


@dataclass(frozen=True)
class Plan:
    """``hurry``: time that is only waited for is made to pass. ``quiet`` are the seconds before a round."""

    rounds: tuple[str, ...]
    people: int
    notifications: int
    quiet: float
    drain_seconds: float
    hurry: bool


PLANS = {
    "short": Plan((KILL,), people=10, notifications=0, quiet=2, drain_seconds=120, hurry=True),
    "long": Plan(
        (KILL, CUT_OFF, FREEZE, SWITCH_OVER, STANDBY) * 2,
        people=200,
        notifications=1_000,
        quiet=5,
        drain_seconds=420,
        hurry=False,
    ),
}


@dataclass(frozen=True)
class Round:
    """Seconds: the longest without a create, by way; until all workers worked; until all nodes were back."""

    what: str
    without_service: dict[str, float]
    workers: float
    whole: float


class Rehearsal:
    def __init__(self, plan: Plan, folder: Path, stack: ExitStack) -> None:
        self.plan = plan
        self.cluster = Cluster(folder)
        stack.enter_context(self.cluster.running())
        self.service = Service(folder)
        stack.callback(self.service.stop)
        self.url = self.cluster.urls["HAProxy"]
        self.service.prepare(self.url, plan.people)
        self.webs = {way: self.service.start(url, 1, f" {way}") for way, url in self.cluster.urls.items()}
        for web in self.webs.values():
            web.wait_until_ready()
        self.load = Load(self.service, self.webs, plan.notifications)
        stack.callback(self.load.stop)

    def run(self) -> dict[str, Any]:
        rounds = []
        for what in self.plan.rounds:
            self.pass_time(self.plan.quiet)
            rounds.append(self.lose(what))
            print(row(rounds[-1]), file=sys.stderr, flush=True)
        self.load.stop()
        deadline = time.monotonic() + self.plan.drain_seconds
        while undone(self.url) and time.monotonic() < deadline:
            if self.plan.hurry:
                self.service.let_time_pass(self.url)
            self.pass_time(0.5)
        record, verdict = self.service.record, self.service.judge(self.url)
        if verdict.lost or verdict.stuck:
            self.keep_evidence()
        return {
            "rounds": [asdict(one) for one in rounds],
            "accepted": len(record.accepted),
            "refused": [str(one) for one in record.refused],
            "unanswered": [str(one) for one in record.unanswered],
            "creates that failed": record.unknown,
            "lists": self.load.lists(),
            "interrupted": len(rounds) * len(self.service.workers) * CONCURRENCY * GROUP,
            "ended by themselves": self.service.ended_themselves(),
            **asdict(verdict),
        }

    def keep_evidence(self) -> None:
        """Of what was lost: the logs, and what the database knows."""
        kept = Path(tempfile.mkdtemp(prefix="failover-"))
        for log in self.service.folder.glob("*.log"):
            shutil.copy(log, kept)
        for table in EVIDENCE:
            rows = ask(self.url, table)
            (kept / table.split()[3]).write_text("\n".join(map(str, rows)))
        print(f"kept in {kept}", file=sys.stderr)

    def lose(self, what: str) -> Round:
        """Until the service is back, and then the node."""
        lost = self.cluster.standby() if what == STANDBY else self.cluster.primary()
        begin, end = self.fault(what, lost)
        began = time.monotonic()
        begin()
        primary = self.cluster.primary(but=None if what == STANDBY else lost)
        back, since = time.monotonic(), self.clock(primary)
        for way, created in self.load.created.items():
            wait_for(f"creates by {way}", partial(self.is_later, created, back))
        wait_for("workers", lambda: self.all_have_worked(since))
        worked = time.monotonic()
        end()
        wait_for("all nodes", self.cluster.is_whole)
        self.service.watch()
        without_service = {way: self.load.longest_wait(way, began) for way in self.webs}
        return Round(what, without_service, worked - began, time.monotonic() - began)

    def fault(self, what: str, lost: Machine) -> tuple[Callable[[], None], Callable[[], None]]:
        """How it begins and how it ends."""
        return {
            KILL: (lost.kill, lambda: self.cluster.start(lost)),
            STANDBY: (lost.kill, lambda: self.cluster.start(lost)),
            CUT_OFF: (lost.cut_off, lost.reconnect),
            FREEZE: (lost.freeze, lost.thaw),
            SWITCH_OVER: (self.cluster.switch_over, lambda: None),
        }[what]

    def clock(self, node: Machine) -> datetime:
        with self.cluster.connect(node) as connection:
            row = connection.execute("SELECT now()").fetchone()
        assert row
        return row[0]

    def is_later(self, created: list[float], back: float) -> bool:
        return created[-1] > back

    def all_have_worked(self, since: datetime) -> bool:
        last = [ask(self.url, LAST_WORKED, [*worker.ids()])[0][0] for worker in self.service.workers]
        return all(at is not None and at > since for at in last)

    def pass_time(self, seconds: float) -> None:
        time.sleep(seconds)
        self.service.watch()


def row(one: Round) -> str:
    """Of the table in docs/operating.md."""
    columns = [f"{seconds:.0f} s" for seconds in (*one.without_service.values(), one.workers, one.whole)]
    return f"| {' | '.join([one.what, *columns])} |"


def main(plan: Plan) -> None:
    make_network()
    with tempfile.TemporaryDirectory(dir=postgres_files.ELSEWHERE, prefix="test-failover-") as made:
        folder = Path(made)
        folder.chmod(0o711)
        try:
            with ExitStack() as stack:
                seen = Rehearsal(plan, folder, stack).run()
        except BaseException:
            for log in folder.glob("*.log"):
                print(log.name, log.read_text(errors="replace")[-3000:], file=sys.stderr)
            raise
    print(json.dumps(seen))
