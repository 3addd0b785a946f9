"""Three machines with Patroni and PostgreSQL, and beside them etcd and HAProxy."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, LiteralString

import psycopg

from canvas_channels.demo.postgres_files import Account
from canvas_channels.demo.processes import dies_with_parent, end
from tests.tools.machines.network import OURS, Machine, become
from tests.tools.machines.waiting import wait_for

CONFIG = Path(__file__).with_name("patroni.yml")
BALANCER = Path(__file__).with_name("haproxy.cfg")
DATABASE = "canvas_channels"
GRACE_SECONDS = 10
FOLLOWERS: LiteralString = """
SELECT count(*) FILTER (WHERE state = 'streaming'), count(*) FILTER (WHERE sync_state = 'sync')
FROM pg_stat_replication WHERE application_name LIKE 'pg%'
"""


def programs() -> Path:
    """Debian's PostgreSQL, the newest."""
    return max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))


class Cluster:
    """Runs below ``folder`` as an account without rights."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.account = Account.choose()
        self.nodes = [Machine(f"pg{number}", f"10.77.0.3{number}", folder) for number in (1, 2, 3)]
        hosts = ",".join(f"{node.address}:5432" for node in self.nodes)
        self.urls = {
            "HAProxy": f"postgresql://postgres@{OURS}:5432/{DATABASE}",
            "several hosts": f"postgresql://postgres@{hosts}/{DATABASE}?target_session_attrs=read-write",
        }

    @contextmanager
    def running(self) -> Iterator[None]:
        with ExitStack() as stack:
            stack.enter_context(self._program("etcd", self._etcd()))
            for node in self.nodes:
                stack.callback(node.remove)
                self.start(node)
            wait_for("three nodes", self.is_whole)
            with self.connect(self.primary()) as connection:
                connection.execute(f"CREATE DATABASE {DATABASE}")
            stack.enter_context(self._program("haproxy", ["haproxy", "-db", "-f", str(BALANCER)]))
            wait_for("load balancer", self._is_balanced)
            yield

    def start(self, node: Machine) -> None:
        node.start(["patroni", str(CONFIG)], self._environment(node), self.account)

    def primary(self, but: Machine | None = None) -> Machine:
        """The one that takes changes, once there is one; another one than ``but``."""
        found: list[Machine] = []

        def find() -> bool:
            found[:] = [node for node in self.nodes if node is not but and self._takes_changes(node)]
            return len(found) == 1

        wait_for("a primary", find)
        return found[0]

    def standby(self) -> Machine:
        """The synchronous one."""
        query: LiteralString = "SELECT application_name FROM pg_stat_replication WHERE sync_state = 'sync'"
        with self.connect(self.primary()) as connection:
            row = connection.execute(query).fetchone()
        assert row
        return next(node for node in self.nodes if node.name == row[0])

    def is_whole(self) -> bool:
        """Whether two standbys stream, of which one is synchronous."""
        with self.connect(self.primary()) as connection:
            return connection.execute(FOLLOWERS).fetchone() == (2, 1)

    def switch_over(self) -> None:
        """To the synchronous standby, on purpose."""
        old, new = self.primary(), self.standby()
        command = ["patronictl", "-c", str(CONFIG), "switchover"]
        command += ["--leader", old.name, "--candidate", new.name, "--force"]
        subprocess.run(
            [*become(self.account), *command],
            env=os.environ | self._environment(old),
            capture_output=True,
            check=True,
            timeout=120,
        )

    def connect(self, node: Machine) -> "psycopg.Connection[tuple[Any, ...]]":
        url = f"postgresql://postgres@{node.address}:5432/postgres"
        return psycopg.connect(url, connect_timeout=2, autocommit=True)

    def _is_balanced(self) -> bool:
        with psycopg.connect(self.urls["HAProxy"], connect_timeout=2):
            return True

    def _takes_changes(self, node: Machine) -> bool:
        with suppress(psycopg.OperationalError), self.connect(node) as connection:
            return connection.execute("SELECT pg_is_in_recovery()").fetchone() == (False,)
        return False

    def _environment(self, node: Machine) -> dict[str, str]:
        data = self.folder / "databases" / node.name
        return {
            "PATH": f"{programs()}:{os.defpath}",
            "HOME": str(data.parent),
            "PYTHONPATH": "",  # Patroni is Debian's, and so is what it imports
            "PATRONI_NAME": node.name,
            "PATRONI_RESTAPI_LISTEN": f"{node.address}:8008",
            "PATRONI_RESTAPI_CONNECT_ADDRESS": f"{node.address}:8008",
            "PATRONI_POSTGRESQL_LISTEN": f"{node.address}:5432",
            "PATRONI_POSTGRESQL_CONNECT_ADDRESS": f"{node.address}:5432",
            "PATRONI_POSTGRESQL_DATA_DIR": str(data),
            "PATRONI_POSTGRESQL_PGPASS": str(data.with_suffix(".pgpass")),
        }

    def _etcd(self) -> list[str]:
        peers = "http://127.0.0.1:2380"
        databases = self.folder / "databases"
        databases.mkdir(mode=0o700)
        os.chown(databases, self.account.uid, self.account.gid)
        command = [*become(self.account), "etcd", "--data-dir", str(databases / "etcd"), "--name", "etcd"]
        command.append("--enable-v2")
        for kind in ("listen-client", "advertise-client"):
            command += [f"--{kind}-urls", f"http://{OURS}:2379"]
        command += ["--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers]
        return [*command, "--initial-cluster", f"etcd={peers}"]

    @contextmanager
    def _program(self, name: str, command: list[str]) -> Iterator[None]:
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen[bytes](
                command,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=dies_with_parent(signal.SIGTERM),
            )
        try:
            yield
        finally:
            end([process], GRACE_SECONDS)
