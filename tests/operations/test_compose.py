"""compose.yaml, as far as it can be judged without Docker; ``scripts/image`` runs its commands."""

import re
from typing import Any

import pytest

from tests import ROOT
from tests.tools.container import compose

SERVICES = compose.read()["services"]
OURS = ("migrate", "web", "worker")
SECRETS = ("SECRET_KEY", "POSTGRES_PASSWORD")
VALUES = dict.fromkeys(SECRETS, "x" * 50)


@pytest.fixture(autouse=True)
def _committed() -> None:
    """Nothing here is of the database."""


@pytest.mark.parametrize("name", OURS)
def test_each_setting_is_one_that_the_code_reads(name: str) -> None:
    source = (ROOT / "canvas_channels" / "environment.py").read_text()
    read = set(re.findall(r'env\.\w+\(\s*"(\w+)"', source))
    others = {setting for setting in compose.environment(name, VALUES) if setting not in read}
    assert all(setting.startswith(("AWS_", "GRANIAN_")) for setting in others), others


@pytest.mark.parametrize("secret", SECRETS)
def test_no_secret_has_a_default(secret: str) -> None:
    with pytest.raises(KeyError, match=secret):
        compose.environment("web", VALUES | {secret: ""})
    assert secret in (ROOT / "scripts" / "compose").read_text()


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["tmpfs"]
    assert service["restart"] in {"unless-stopped", "on-failure"}
    assert "privileged" not in service


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_has_bounds(name: str) -> None:
    assert re.fullmatch(r"\d+[mg]", compose.fill(str(SERVICES[name]["mem_limit"]), {}))
    assert 0 < SERVICES[name]["pids_limit"] <= 500


def test_only_the_proxy_reaches_the_web_processes_and_buffers() -> None:
    proxy, web = SERVICES["proxy"], SERVICES["web"]
    assert "ports" not in web
    assert compose.environment("web", VALUES)["TRUST_PROXY_HEADERS"] == "true"
    file = proxy["volumes"][0].split(":")[0]
    directives = dict(
        re.findall(r"^\s*([a-z_]+(?: X[\w-]+)?) (.+);$", (ROOT / file).read_text(), re.MULTILINE)
    )
    assert directives["proxy_request_buffering"] == directives["proxy_buffering"] == "on"
    assert directives["proxy_set_header X-Forwarded-For"] == "$remote_addr"  # not what a client says
    assert directives["listen"] == proxy["ports"][0].rpartition(":")[2]
    assert directives["set"].endswith(f"//web:{web['expose'][0]}")
    assert directives["access_log"] == "off"
    assert directives["client_max_body_size"] == "10m"


@pytest.mark.parametrize("name", OURS)
def test_our_own_have_no_capability(name: str) -> None:
    assert SERVICES[name]["cap_drop"] == ["ALL"]


def test_only_this_machine_reaches_what_is_published() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert [compose.fill(port, {}).split(":")[0] for port in published] == ["127.0.0.1"] * 2


def test_what_is_waited_for_is_there_and_can_come_true() -> None:
    for service in SERVICES.values():
        for name, how in service.get("depends_on", {}).items():
            other: dict[str, Any] = SERVICES[name]
            healthy = how["condition"] == "service_healthy"
            assert "healthcheck" in other if healthy else other["restart"] == "on-failure"


def test_it_starts_what_the_image_holds() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    port = SERVICES["web"]["expose"][0]
    assert f"EXPOSE {port}" in dockerfile
    assert f'"--port", "{port}"]' in dockerfile
    assert f"http://127.0.0.1:{port}/healthz" in dockerfile
    for name in ("migrate", "worker"):
        command = compose.command(name) or []
        assert command[:2] == ["python", "manage.py"]
    assert compose.command("web") is None


def test_hosts_in_the_settings_are_services() -> None:
    settings = compose.environment("worker", VALUES)
    hosts = [re.search(r"(?:@|//)(\w+):\d+", settings[name]) for name in ("DATABASE_URL", "EMAIL_URL")]
    assert {host[1] for host in hosts if host} == {"database", "mail"}


def test_the_worker_is_asked_where_it_answers() -> None:
    port = compose.environment("worker", VALUES)["WORKER_METRICS_PORT"]
    assert f"http://127.0.0.1:{port}/healthz" in SERVICES["worker"]["healthcheck"]["test"][-1]


def test_a_stop_waits_for_what_is_being_done() -> None:
    grace = int(SERVICES["worker"]["stop_grace_period"].removesuffix("s"))
    assert grace > int(SERVICES["worker"]["command"][-1])
