"""The whole service on one machine: embedded database, stand-ins, worker, web server and demo people.

Run it by ``scripts/serve``, which installs what it needs first.
"""

import argparse
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import defaultdict, deque
from pathlib import Path
from types import FrameType

from canvas_channels import server
from canvas_channels.demo.data_folder import DataFolder, ServeError
from canvas_channels.demo.postgres import EmbeddedPostgres
from canvas_channels.demo.postgres_files import PostgresError
from canvas_channels.demo.processes import dies_with_parent, end

ROOT = Path(__file__).resolve().parents[2]
LOOPBACK = "127.0.0.1"
READY_SECONDS = 60
GRACE_SECONDS = 8
RESTARTS_PER_MINUTE = 5
# Settings of the caller's shell that would lead the demo to real AWS, another database, other mail.
NOT_INHERITED = (
    *("ALLOWED_HOSTS", "AWS_", "BOTO_", "DATABASE_", "DJANGO_", "EMAIL_", "GRANIAN_", "PG"),
    *("PUBLIC_URL", "SECRET_KEY", "SNS_", "TRUST_PROXY_HEADERS"),
)


class Demo:
    """The processes of one demo."""

    def __init__(self, port: int, folder: DataFolder) -> None:
        self.folder = folder
        self.port = claim(port, patience=5 if folder.ended_badly else 0)
        self.sns_port = port + 1 if is_free(port + 1) else free_port()
        self.smtp_port = free_port()
        self.url = f"http://{LOOPBACK}:{port}"
        self.postgres = EmbeddedPostgres(folder.postgres, log_file=folder.logs / "postgres.log")
        self.environment: dict[str, str] = {}
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.restarts: defaultdict[str, deque[float]] = defaultdict(deque)
        python = sys.executable
        self.commands = {
            "standins": [python, "-m", "canvas_channels.demo.standins", "--sns-port", str(self.sns_port)]
            + ["--smtp-port", str(self.smtp_port), "--outbox", str(folder.outbox_file)],
            "migrate": [python, "manage.py", "migrate", "--no-input"],
            "load_demo": [python, "manage.py", "load_demo", "--file", str(folder.demo_file)],
            "web": server.command(LOOPBACK, port),
            "worker": [python, "manage.py", "procrastinate", "worker", "--concurrency", "4"]
            + ["--shutdown-graceful-timeout", "5"],
        }

    def start(self) -> None:
        self.folder.logs.mkdir(mode=0o700, exist_ok=True)
        say("Starting PostgreSQL ...")
        self.postgres.start()
        self.environment = self.make_environment()
        self.spawn("standins")
        say("Migrating the database ...")
        self.run("migrate")
        self.wait_for("standins", self.sns_port)
        say("Loading the demo people ...")
        self.run("load_demo")
        say("Starting the web server and the worker ...")
        self.spawn("web")
        self.spawn("worker")
        self.wait_for("web", self.port)

    def make_environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(NOT_INHERITED)}
        return kept | {
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "MALLOC_ARENA_MAX": "2",
            "NO_PROXY": "*",
            "no_proxy": "*",
            "DATABASE_URL": self.postgres.url(),
            "SECRET_KEY": self.folder.secret_key(),
            "PUBLIC_URL": self.url,
            "ALLOWED_HOSTS": f"{LOOPBACK},localhost",
            "DEMO": "true",
            "DEMO_OUTBOX_FILE": str(self.folder.outbox_file),
            "EMAIL_URL": f"smtp://{LOOPBACK}:{self.smtp_port}",
            "AWS_ENDPOINT_URL_SNS": f"http://{LOOPBACK}:{self.sns_port}",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def spawn(self, name: str) -> subprocess.Popen[bytes]:
        """Start a child that leads its own process group: a Ctrl-C in the terminal reaches only us.

        Should we be killed, so is the child, for a worker whose database is gone takes half a minute to
        stop; only the web server is asked to, since it has a child of its own to end.
        """
        with self.log(name).open("ab") as log:
            child = subprocess.Popen(
                self.commands[name],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=dies_with_parent(signal.SIGTERM if name == "web" else signal.SIGKILL),
            )
        self.children[name] = child
        return child

    def run(self, name: str) -> None:
        if self.spawn(name).wait() != 0:
            raise ServeError(f"{name} failed: {self.last_words(name)}")
        del self.children[name]

    def wait_for(self, name: str, port: int) -> None:
        """Wait until a child gives any HTTP answer."""
        deadline = time.monotonic() + READY_SECONDS
        while not answers(port):
            if self.children[name].poll() is not None:
                raise ServeError(f"{name} ended: {self.last_words(name)}")
            if time.monotonic() > deadline:
                raise ServeError(f"{name} does not answer: see {self.log(name)}")
            time.sleep(0.05)

    def watch(self) -> None:
        """Keep the children alive until a signal ends us."""
        while True:
            time.sleep(0.5)
            if self.postgres.process is None or self.postgres.process.poll() is not None:
                raise ServeError(f"PostgreSQL ended: see {self.folder.logs / 'postgres.log'}")
            for name, child in self.children.items():
                if child.poll() is not None:
                    self.revive(name)

    def revive(self, name: str) -> None:
        end([self.children[name]], grace=0)  # what it had started itself
        now = time.monotonic()
        recent = self.restarts[name]
        recent.append(now)
        while recent[0] < now - 60:
            recent.popleft()
        # The SNS stand-in has forgotten every application and device: only a new start brings them back.
        if name == "standins" or len(recent) > RESTARTS_PER_MINUTE:
            raise ServeError(f"{name} ended: {self.last_words(name)}")
        say(f"{name} ended; starting it again")
        self.spawn(name)

    def stop(self) -> None:
        end(list(self.children.values()), GRACE_SECONDS)
        self.postgres.stop()

    def log(self, name: str) -> Path:
        return self.folder.logs / f"{name}.log"

    def last_words(self, name: str) -> str:
        lines = self.log(name).read_text(errors="replace").strip().splitlines() or ["no message"]
        return f"{lines[-1]} (see {self.log(name)})"

    def introduce(self) -> None:
        """Say what to open first, and four commands that work as printed, one by one or all at once."""
        users = json.loads(self.folder.demo_file.read_text())["users"]
        sheldon, root = users["sheldon"], users["superuser"]
        token, admins = sheldon["tokens"]["web"], users["admin"]["tokens"]["web"]
        recipients = " ".join(f"-d 'user_ids[]={users[name]['id']}'" for name in ("sheldon", "leonard"))
        channels = f"{self.url}/api/v1/users/self/communication_channels"
        curl = r"curl -sw '\n'"
        authorization = f"-H 'Authorization: Bearer {token}'"
        say(
            f"\nListening on {self.url}. Open first:\n\n"
            f"  {self.url}/login          as {sheldon['login']} with {sheldon['password']}\n"
            f"  {self.url}/demo/outbox    what was sent; sign in as anybody by a click\n"
            f"  {self.url}/api/reference  the API, to be tried; without scripts {self.url}/api/docs\n"
            f"  {self.url}/admin/         Django's, as {root['login']} with {root['password']}\n\n"
            "Sheldon's channels; a new one; the message that it brought; news for Sheldon and Leonard:\n\n"
            f"  {curl} {authorization} {channels}\n\n"
            f"  {curl} {authorization} -d 'communication_channel[type]=email'"
            f" -d 'communication_channel[address]=new@example.com' {channels}\n\n"
            f"  {curl} '{self.url}/demo/outbox.json?to=new@example.com'\n\n"
            f"  {curl} -H 'Authorization: Bearer {admins}' -d notification=new_announcement {recipients}"
            " -d 'subject=The lecture moves' -d 'body=To room 12.'"
            f" {self.url}/api/v1/accounts/self/notifications\n\n"
            f"People, passwords and tokens are in {self.folder.demo_file}. Ctrl-C ends everything."
        )


def say(line: str) -> None:
    print(line, flush=True)


def answers(port: int) -> bool:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=5)
    try:
        connection.request("GET", "/api/v1/users/self")
        connection.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


def is_free(port: int) -> bool:
    """Whether a port may be listened on. Raises ServeError for one that this user may not take."""
    if port > 65535:
        return False
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except PermissionError:
            raise ServeError(f"port {port} is reserved: choose another with --port") from None
        except OSError:
            return False
    return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def claim(port: int, patience: float) -> int:
    """The port, once it is free; ``patience`` in seconds."""
    deadline = time.monotonic() + patience
    while not is_free(port):
        if time.monotonic() >= deadline:
            raise ServeError(f"port {port} is taken: choose another with --port")
        time.sleep(0.1)
    return port


def port_number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port")
    return int(text)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/serve", description=__doc__)
    parser.add_argument("--port", type=port_number, default=8000, help="web port on 127.0.0.1 (default 8000)")
    parser.add_argument("--data", type=Path, default=ROOT / "var", metavar="DIR", help="default var/")
    parser.add_argument("--reset", action="store_true", help="empty DIR first")
    return parser.parse_args(arguments)


def stop_on_signal(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    ends = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in ends:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # as nohup wishes
            signal.signal(number, stop_on_signal)
    try:
        with DataFolder(options.data.absolute()) as folder:
            demo = Demo(options.port, folder)
            if options.reset:
                folder.empty()
            try:
                demo.start()
                demo.introduce()
                demo.watch()
            finally:
                for number in ends:
                    signal.signal(number, signal.SIG_IGN)
                demo.stop()
    except (ServeError, PostgresError, OSError) as error:
        print(f"serve: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
