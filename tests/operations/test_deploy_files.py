"""docs/deploy and .env.example say what compose.yaml and the image do, and their readers can read them."""

import json
import re
import shlex
import subprocess
import sys
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests import ROOT
from tests.documents import commands, read
from tests.test_settings import read_settings, start
from tests.tools.container import compose

MANIFESTS = list(yaml.safe_load_all(read("docs/deploy/kubernetes.yaml")))
PODS = {
    each["metadata"]["name"]: each["spec"]["template"]["spec"]
    for each in MANIFESTS
    if "template" in each.get("spec", {})
}
KUBERNETES = ["1.31", "1.37"]
ELSEWHERE = {"--host", "--port", "--workers", "--log-config"}  # what each place says for itself


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


def options(text: str) -> dict[str, str]:
    """Of granian, as a command line has them."""
    line = text.replace("\\\n", " ").partition("granian ")[2].partition("canvas_channels.rsgi")[0]
    found = dict(re.findall(r"(--[\w-]+)(?: ([\w.]+))?", line))
    return {name: value for name, value in found.items() if name not in ELSEWHERE}


def test_the_web_server_is_started_alike_everywhere() -> None:
    [command] = re.findall(r"^CMD (\[.+?\])$", read("Dockerfile").replace("\\\n", ""), re.MULTILINE)
    image = options(shlex.join(json.loads(command)))
    assert len(image) > 5
    assert options(read("docs/deploy/canvas_channels-web.service")) == image
    assert options(read("docs/operating.md")) == image


def test_the_web_service_says_once_which_setting_is_malformed() -> None:
    [before] = re.findall(
        r"^ExecStartPre=(.+)$", read("docs/deploy/canvas_channels-web.service"), re.MULTILINE
    )
    _, *module = shlex.split(before)
    good = {
        "SECRET_KEY": "k" * 32,
        "PUBLIC_URL": "http://c.example.com",
        "DATABASE_URL": "postgresql://u@h/n",
    }
    for setting, status in (("http://c.example.com", 0), ("http://c.example.com/path", 1)):
        environ = good | {"PUBLIC_URL": setting, "DEMO": "true"}
        told = subprocess.run(
            [sys.executable, *module], cwd=ROOT, env=environ, capture_output=True, text=True
        )
        assert told.returncode == status
        assert told.stderr.count("\n") == status
        assert ("PUBLIC_URL" in told.stderr) == bool(status)


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
