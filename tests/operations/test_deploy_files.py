"""docs/deploy and .env.example say what compose.yaml and the image do, and their readers can read them."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests import ROOT
from tests.documents import commands, read
from tests.live import free_port
from tests.programs import need
from tests.test_settings import NEEDED, read_settings, start
from tests.tools.container import compose

MANIFESTS = list(yaml.safe_load_all(read("docs/deploy/kubernetes.yaml")))
PODS = {
    each["metadata"]["name"]: each["spec"]["template"]["spec"]
    for each in MANIFESTS
    if "template" in each.get("spec", {})
}
KUBERNETES = ["1.31", "1.37"]


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda each: each["kind"])
def test_kubernetes_takes_each_manifest(manifest: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize("name", PODS)
def test_pods_do_what_compose_does_with_as_few_rights(name: str) -> None:
    pod, service = PODS[name], name.removeprefix("canvas-channels-")
    [container] = pod["containers"]
    told = shlex.join(container.get("command", []))
    assert told == shlex.join(compose.command(service) or []).replace(" --concurrency 10", "")
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    grace = compose.read()["services"][service].get("stop_grace_period", "0s")
    assert pod.get("terminationGracePeriodSeconds", 30) >= int(grace.removesuffix("s"))


def image_command() -> list[str]:
    [command] = re.findall(r"^CMD (\[.+?\])$", read("Dockerfile"), re.MULTILINE)
    found: list[str] = json.loads(command)
    return found


def service_command() -> list[str]:
    service = read("docs/deploy/canvas_channels-web.service")
    [line] = re.findall(r"^ExecStart=/srv/canvas_channels/\.venv/bin/(.+)$", service, re.MULTILINE)
    return shlex.split(line)


def printed_command() -> list[str]:
    [line] = re.findall(r"^python -m canvas_channels\.server .+$", read("docs/operating.md"), re.MULTILINE)
    return shlex.split(line)


def test_static_files_are_collected_as_the_image_does_it(tmp_path: Path) -> None:
    [command] = re.findall(r"&& (SECRET_KEY=.+)$", read("Dockerfile").replace("\\\n", ""), re.MULTILINE)
    script(tmp_path / "python", f'exec {shlex.quote(sys.executable)} "$@"')
    environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "STATIC_ROOT": str(tmp_path / "static")}
    subprocess.run(["sh", "-c", command], cwd=ROOT, env=environ, check=True, timeout=60)
    assert list((tmp_path / "static").rglob("*.css"))


@contextmanager
def started(
    command: list[str], folder: Path, port: int, **settings: str
) -> Iterator["subprocess.Popen[str]"]:
    """A web server that is started as it is told, but at another port."""
    script(folder / "python", f'exec {shlex.quote(sys.executable)} "$@"')
    environ = NEEDED | settings | {"PATH": f"{folder}:{os.environ['PATH']}"}
    command = [word.replace("8000", str(port)) for word in command]
    with subprocess.Popen(command, cwd=ROOT, env=environ, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()


@pytest.mark.parametrize("command", [image_command, service_command, printed_command])
def test_the_web_server_starts_as_it_is_told_everywhere(
    command: Callable[[], list[str]], tmp_path: Path
) -> None:
    port = free_port()
    patient = ["--noproxy", "*", "--retry", "60", "--retry-delay", "1", "--retry-connrefused"]
    with started(command(), tmp_path, port):
        subprocess.run(
            ["curl", "--fail", *patient, f"http://127.0.0.1:{port}/healthz"], check=True, timeout=120
        )


@pytest.mark.parametrize("command", [image_command, service_command, printed_command])
def test_a_malformed_setting_is_said_once_and_ends_the_start(
    command: Callable[[], list[str]], tmp_path: Path
) -> None:
    with started(command(), tmp_path, free_port(), PUBLIC_URL="https://c.example.com/a") as process:
        assert process.wait(60) == 1
        [told] = process.stderr or []
    assert "PUBLIC_URL" in told


def script(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


def verified(folder: Path, *changes: tuple[str, str]) -> subprocess.CompletedProcess[str]:
    """The services of docs/deploy as systemd judges them, with commands of this folder."""
    (folder / ".venv" / "bin").mkdir(parents=True, exist_ok=True)
    script(folder / ".venv" / "bin" / "python", "exit 1")
    units = []
    for service in (ROOT / "docs" / "deploy").glob("*.service"):
        text = service.read_text()
        for old, new in (("/srv/canvas_channels", str(folder)), *changes):
            assert old in text
            text = text.replace(old, new)
        units.append(folder / service.name)
        units[-1].write_text(text)
    assert len(units) == 2
    command = ["systemd-analyze", "verify", "--man=no", *map(str, units)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_systemd_takes_the_services(tmp_path: Path) -> None:
    need("systemd-analyze")
    told = verified(tmp_path)
    assert (told.returncode, told.stderr) == (0, "")
    assert "Restrat" in verified(tmp_path, ("Restart=", "Restrat=")).stderr
    assert "is not executable" in verified(tmp_path, ("/bin/python ", "/bin/pyhton ")).stderr


def directives(file: str) -> dict[str, str]:
    found = re.findall(r"^ +([a-z_]+(?: X[\w-]+)?) (.+);$", read(file), re.MULTILINE)
    return {name: value for name, value in found if not name.startswith(("proxy_pass", "set", "listen"))}


def test_both_proxies_set_the_same_limits() -> None:
    alone, in_compose = (
        directives(file) for file in ("docs/deploy/nginx-site.conf", "canvas_channels/operations/nginx.conf")
    )
    shared = alone.keys() & in_compose.keys() - {"error_log", "proxy_set_header X-Forwarded-Proto"}
    assert len(shared) > 15
    assert {name: alone[name] for name in shared} == {name: in_compose[name] for name in shared}
    ours = {name for name in in_compose if not name.startswith(("real_ip", "resolver", "default", "https"))}
    assert ours <= alone.keys()


def test_the_example_of_settings_starts_the_service_once_its_secret_is_set() -> None:
    lines = [line for line in read(".env.example").splitlines() if re.match(r"#?[A-Z_]+=", line)]
    pairs = dict(line.removeprefix("#").split("=", 1) for line in lines)
    assert {name for name in pairs if not name.startswith("AWS_")} <= read_settings()
    active = {name: shlex.split(pairs[name]) for name in pairs if f"#{name}=" not in "\n".join(lines)}
    environ: dict[str, Any] = {name: words[0] for name, words in active.items() if words}
    without = start(
        SECRET_KEY=None, DATABASE_URL=environ.pop("DATABASE_URL"), PUBLIC_URL=environ.pop("PUBLIC_URL")
    )
    assert "SECRET_KEY" in without.stderr
    assert start(**environ).returncode == 0


def test_the_printed_secret_starts_the_service(tmp_path: Path) -> None:
    """kubectl takes what follows a ``=`` as it is, and skips comments."""
    [block] = commands("docs/install.md", "Kubernetes")
    script(tmp_path / "kubectl", 'for file; do :; done; [ "$1" != create ] || cat "${file#*=}"')
    quoted = "METRICS_TOKEN='" + "m" * 32 + "'\n"
    example = read(".env.example").replace("SECRET_KEY=\n", f"SECRET_KEY={'k' * 32}\n") + quoted
    (tmp_path / "channels.env").write_text(example)
    environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    made = subprocess.run(
        ["sh", "-ec", block], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60
    )
    lines = [line.lstrip() for line in made.stdout.splitlines()]
    settings: dict[str, Any] = dict(line.split("=", 1) for line in lines if line and line[0] != "#")
    assert settings["DEFAULT_FROM_EMAIL"] == "Channels <channels@example.edu>"
    assert settings["METRICS_TOKEN"] == "m" * 32
    assert "STATIC_ROOT" not in settings
    assert start(**settings).stderr == ""


def test_the_services_files_are_where_the_document_puts_them() -> None:
    names = set(re.findall(r"docs/deploy/([\w.-]+)", read("docs/install.md")))
    assert names == {path.name for path in (ROOT / "docs" / "deploy").iterdir()}


def test_commands_in_containers_name_what_is_there() -> None:
    blocks = [*commands("docs/install.md", "Containers"), *commands("docs/install.md", "Kubernetes")]
    text = "\n".join(blocks)
    assert set(re.findall(r"docker compose exec (\w+) ", text)) <= compose.read()["services"].keys()
    assert set(re.findall(r"deploy/([\w-]+) --", text)) <= PODS.keys()
    [secret] = re.findall(r"secret generic ([\w-]+) ", text)
    assert [pod["containers"][0]["envFrom"] for pod in PODS.values()] == 3 * [
        [{"secretRef": {"name": secret}}]
    ]
