"""Tries a built image as ``scripts/image`` does: ``python -m tests.tools.container IMAGE.json ROOT``.

The commands of compose.yaml run with its settings, as the image's user, in the image's file system, of which
nothing but ``/tmp`` can be written. The database and the mail server are this machine's.
"""

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

import psycopg

from canvas_channels.demo.postgres import EmbeddedPostgres
from canvas_channels.demo.processes import end
from canvas_channels.demo.serve import free_port
from canvas_channels.demo.standins import start_smtp
from tests.tools.container import compose

Process = subprocess.Popen[Any]

SECONDS = 60
SECRETS = {"SECRET_KEY": "k" * 50, "POSTGRES_PASSWORD": "p" * 50, "METRICS_TOKEN": "m" * 50}
ADDRESS = "new@example.edu"

# A mount namespace of its own, in which the image is read-only; then its user, without any right to get more.
ENTER = """
mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && mount -t tmpfs tmpfs "$1/tmp" &&
mount --rbind /dev "$1/dev" && mount -t proc proc "$1/proc" &&
user=$2 && shift 2 && cd / && exec chroot --userspec="$user" --groups= "$ROOT" "$@"
"""


class Container:
    """The image's file system and configuration, and what its commands are told."""

    def __init__(self, image: dict[str, Any], root: str, moved: dict[str, str]) -> None:
        self.config = image["Docker"]["config"]
        self.root = root
        self.moved = moved

    def start(self, service: str, command: Sequence[str] = (), **options: Any) -> Process:
        """Start a service's command, or another one, with its settings."""
        settings = dict(pair.split("=", 1) for pair in self.config["Env"])
        settings |= compose.environment(service, SECRETS)
        settings = {name: self.move(value) for name, value in settings.items()}
        chosen = [self.move(word) for word in command or compose.command(service) or self.config["Cmd"]]
        inside = ["/usr/bin/env", "-i", "-C", self.config["WorkingDir"]]
        inside += [f"{name}={value}" for name, value in settings.items()] + chosen
        enter = ["setpriv", "--no-new-privs", "unshare", "--mount", "--fork", "--kill-child"]
        return subprocess.Popen(
            [*enter, "sh", "-c", ENTER, "sh", self.root, self.config["User"], *inside],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "ROOT": self.root},
            start_new_session=True,
            **options,
        )

    def run(self, *command: str) -> str:
        """What a command answers. Raises CalledProcessError."""
        process = self.start("web", command, stdout=subprocess.PIPE, text=True)
        output, _ = process.communicate(timeout=SECONDS)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)
        return str(output).strip()

    def manage(self, *command: str) -> str:
        return self.run("python", "manage.py", *command)

    def move(self, text: str) -> str:
        """The names and ports of compose's network, as they are on this machine."""
        for there, here in self.moved.items():
            text = re.sub(rf"(?<!\w){there}(?!\w)", here, text)
        return text


def wait_for(what: str, found: Callable[[], Any]) -> None:
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            if found():
                print(f"ok: {what}", flush=True)
                return
        except OSError:
            pass
        if time.monotonic() > deadline:
            raise SystemExit(f"failed: {what}")
        time.sleep(0.1)


def ask(url: str, token: str = "", form: str = "") -> Any:
    """The status and the body of an answer. Raises OSError."""
    request = Request(url, form.encode() or None, {"Authorization": f"Bearer {token}"} if token else {})
    with urlopen(request, timeout=10) as answer:
        return answer.read()


def try_out(container: Container, web: str, worker: str, messages: list[dict[str, str]]) -> None:
    if container.config["User"] != "65534:65534" or container.run("id", "-u") != "65534":
        raise SystemExit("failed: the user is root")
    print("ok: the user is not root")
    if container.run("sh", "-c", "! touch /app/x 2>/dev/null && touch /tmp/x && echo refused") != "refused":
        raise SystemExit("failed: the image can be written")
    print("ok: nothing but /tmp can be written")
    migration = container.start("migrate")
    if migration.wait(SECONDS):
        raise SystemExit("failed: migrate")
    print("ok: migrated", flush=True)
    services = [container.start("web"), container.start("worker")]
    try:
        wait_for("the web server is ready", lambda: ask(f"{web}/readyz"))
        wait_for("its health check answers", lambda: ask(f"{web}/healthz"))
        wait_for("the worker lives", lambda: ask(f"{worker}/healthz"))
        container.manage("create_account", "Caltech", "--default")
        container.manage("create_user", "Sheldon Cooper", "--account", "1", "--login", "sheldon")
        container.manage("create_developer_key", "Web")
        token = container.manage("create_token", "--user", "1", "--developer-key", "1")
        form = f"communication_channel[type]=email&communication_channel[address]={quote(ADDRESS)}"
        ask(f"{web}/api/v1/users/self/communication_channels", token, form)
        wait_for("a confirmation was delivered", lambda: [m for m in messages if m["to"] == ADDRESS])
        metrics = ask(f"{web}/metrics", SECRETS["METRICS_TOKEN"]) + ask(
            f"{worker}/metrics", SECRETS["METRICS_TOKEN"]
        )
        if b'kind="email",outcome="delivered"' not in metrics or b"request_seconds" not in metrics:
            raise SystemExit("failed: metrics")
        print("ok: web server and worker count what they do")
    finally:
        end(services, grace=30)


def main() -> None:
    image, root = json.loads(Path(sys.argv[1]).read_bytes()), sys.argv[2]
    ports = {number: free_port() for number in ("5432", "8000", "9100")}
    messages: list[dict[str, str]] = []
    mail = start_smtp(0, messages.append)
    moved = {"database:5432": f"127.0.0.1:{ports['5432']}", "mail:1025": f"127.0.0.1:{mail.port}"}
    moved |= {number: str(ports[number]) for number in ("8000", "9100")}
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        Path(folder).chmod(0o711)
        options = {"listen_addresses": "127.0.0.1", "port": str(ports["5432"])}
        with EmbeddedPostgres(Path(folder) / "postgres", durable=False, options=options) as postgres:
            with psycopg.connect(postgres.url(), autocommit=True) as connection:
                connection.execute("CREATE ROLE canvas_channels LOGIN SUPERUSER")
            web, worker = (f"http://localhost:{ports[number]}" for number in ("8000", "9100"))
            try_out(Container(image, root, moved), web, worker, messages)
    mail.stop()


if __name__ == "__main__":
    main()
