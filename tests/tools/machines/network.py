"""Machines on a network of their own: network namespaces on a bridge, all gone with the process."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from canvas_channels.demo.postgres_files import Account
from canvas_channels.demo.processes import dies_with_parent

OURS = "10.77.0.1"  # where the database, the mail server and the load balancer listen
NETWORK = "10.77.0.0/24"

Process = subprocess.Popen[bytes]


def ip(*arguments: object) -> None:
    subprocess.run(["ip", *map(str, arguments)], check=True, timeout=10)


def make_network() -> None:
    """The bridge that the machines hang on. This process has a network namespace to itself."""
    ip("link", "set", "lo", "up")
    ip("link", "add", "rack", "type", "bridge")
    ip("address", "add", f"{OURS}/24", "dev", "rack")
    ip("link", "set", "rack", "up")


@dataclass
class Machine:
    """A host with an address, whose cable can be pulled and whose processes can be killed or stopped."""

    name: str
    address: str
    folder: Path
    processes: list[Process] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._holder = subprocess.Popen(
            ["unshare", "--net", "sleep", "infinity"], preexec_fn=dies_with_parent(signal.SIGKILL)
        )
        self._wait_for_its_namespace()
        outside, inside = f"to-{self.name}", "eth0"
        ip("link", "add", outside, "type", "veth", "peer", "name", inside, "netns", self._holder.pid)
        ip("link", "set", outside, "master", "rack", "up")
        for arguments in (
            ("address", "add", f"{self.address}/24", "dev", inside),
            ("link", "set", inside, "up"),
            ("link", "set", "lo", "up"),
        ):
            subprocess.run([*self._enter(), "ip", *arguments], check=True, timeout=10)

    def start(self, command: list[str], environ: dict[str, str], account: Account | None = None) -> None:
        """Start a program, as the caller or as another account."""
        with (self.folder / f"{self.name}.log").open("ab") as log:
            process = subprocess.Popen(
                [*self._enter(), *(become(account) if account else []), *command],
                env=os.environ | environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=dies_with_parent(signal.SIGTERM),
            )
        self.processes.append(process)

    def cut_off(self) -> None:
        """Pull the cable: the others hear nothing more, not even that connections end."""
        ip("link", "set", f"to-{self.name}", "down")

    def reconnect(self) -> None:
        ip("link", "set", f"to-{self.name}", "up")

    def kill(self) -> None:
        """Kill all of its processes, and wait until none is left that could take one more request."""
        family = self._family()
        for process in family:
            _signal(process, signal.SIGKILL)
        for started in self.processes:
            started.wait()
        self.processes.clear()
        while any(_lives(process) for process in family):
            time.sleep(0.002)

    def freeze(self) -> None:
        """Stop all of its processes; its kernel still answers."""
        while moving := [process for process in self._family() if _moves(process)]:
            for process in moving:
                _signal(process, signal.SIGSTOP)
            time.sleep(0.002)

    def thaw(self) -> None:
        for process in self._family():
            _signal(process, signal.SIGCONT)

    def remove(self) -> None:
        self.kill()
        self._holder.kill()
        self._holder.wait()

    def _family(self) -> list[psutil.Process]:
        """Whatever runs in its namespace, whoever started it."""
        ours = _namespace(self._holder.pid)
        found = (pid for pid in psutil.pids() if pid != self._holder.pid and _namespace(pid) == ours)
        return [process for pid in found if (process := _process(pid))]

    def _enter(self) -> list[str]:
        return ["nsenter", f"--net=/proc/{self._holder.pid}/ns/net"]

    def _wait_for_its_namespace(self) -> None:
        while _namespace(self._holder.pid) == _namespace(os.getpid()):
            assert self._holder.poll() is None, "no network namespace"
            os.sched_yield()


def become(account: Account) -> list[str]:
    """Before a command: has it run as another account, and end with the one that started it."""
    who = [f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups"]
    return ["setpriv", *who, "--pdeathsig", "TERM"]


def _namespace(pid: int) -> Path | None:
    """None where the process is gone."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/ns/net").readlink()
    return None


def _process(pid: int) -> psutil.Process | None:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid)
    return None


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(number)


def _moves(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(process.status() not in {psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE})
    return False


def _lives(process: psutil.Process) -> bool:
    """Whether a thread of it is left, and with it all its sockets; the first thread may end before others."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE or process.num_threads() > 1)
    except psutil.NoSuchProcess:
        return False


def listener(**options: Any) -> dict[str, str]:
    """Settings of a PostgreSQL that the machines can reach."""
    return {"listen_addresses": OURS, "port": "5432"} | options
