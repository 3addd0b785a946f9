"""What Prometheus reads, and who may."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from django.test import Client
from pytest_django import Settings

from canvas_channels.core import metrics
from canvas_channels.core.identity.models import PasswordReset
from canvas_channels.demo.serve import free_port
from canvas_channels.operations import exposition, worker_metrics
from channels_api.messages import confirmations
from tests.factories import make_channel, make_user
from tests.notifications.services import run_worker
from tests.operations.test_probes import TASK, make_job

pytestmark = pytest.mark.django_db(transaction=True)

TOKEN = "a-token-for-prometheus"
DASHBOARD = Path(exposition.__file__).with_name("grafana-dashboard.json")


def scrape(token: str = TOKEN) -> str:
    answer = Client().get("/metrics", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    return answer.content.decode()


def value(name: str, **labels: str) -> float:
    """A metric's value; 0: it was never counted."""
    shown = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
    found = re.search(rf"^{re.escape(name + (f'{{{shown}}}' if labels else ''))} (\S+)$", scrape(), re.M)
    return float(found[1]) if found else 0


@pytest.fixture(autouse=True)
def _token(settings: Settings) -> None:
    settings.METRICS_TOKEN = TOKEN


@pytest.mark.parametrize(("token", "status"), [("", 404), (TOKEN, 401)])
def test_they_are_not_open(settings: Settings, token: str, status: int) -> None:
    settings.METRICS_TOKEN = token
    for headers in ({}, {"authorization": "Bearer "}, {"authorization": "Bearer wrong"}):
        assert Client().get("/metrics", headers=headers).status_code == status


@pytest.mark.parametrize("scheme", ["bearer", "BEARER"])
def test_the_scheme_may_be_in_any_case(scheme: str) -> None:
    assert Client().get("/metrics", headers={"authorization": f"{scheme} {TOKEN}"}).status_code == 200
    assert Client().get("/metrics", headers={"authorization": f"Basic {TOKEN}"}).status_code == 401


def test_requests_are_counted_by_pattern_method_and_status() -> None:
    labels = {"route": "api/v1/users/<str:user_id>/communication_channels", "method": "GET", "status": "401"}
    name = "canvas_channels_request_seconds_count"
    before = value(name, **labels)
    Client().get("/api/v1/users/1/communication_channels")
    Client().get("/api/v1/users/2/communication_channels")
    assert value(name, **labels) == before + 2


def test_what_clients_invent_adds_no_series() -> None:
    Client().get("/no/such/path")
    Client().generic("INVENTED", "/no/such/other")
    shown = scrape()
    assert "no/such" not in shown
    assert "INVENTED" not in shown


def test_the_queue_is_counted_by_task_and_state() -> None:
    make_job(seconds_ago=300)
    labels = {"task": TASK, "state": "due"}
    assert value("canvas_channels_queue_jobs", **labels) == 1
    assert 299 < value("canvas_channels_queue_oldest_seconds", **labels) < 330
    assert value("canvas_channels_database_up") == 1


def test_a_delivery_and_its_job_are_counted(mailbox: list[dict[str, str]]) -> None:
    delivered = {"kind": "email", "outcome": "delivered"}
    succeeded = {"task": TASK, "outcome": "succeeded"}
    names = "canvas_channels_delivery_seconds_count", "canvas_channels_job_seconds_count"
    before = value(names[0], **delivered), value(names[1], **succeeded)
    assert confirmations.resend(make_channel(make_user(), workflow_state="unconfirmed"))
    run_worker()
    assert (value(names[0], **delivered), value(names[1], **succeeded)) == (before[0] + 1, before[1] + 1)


def test_a_failure_is_counted_with_its_kind(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    passing = {"kind": "email", "outcome": "passing"}
    retried = {"task": TASK, "outcome": "retried"}
    before = value("canvas_channels_delivery_seconds_count", **passing)
    assert confirmations.resend(make_channel(make_user(), workflow_state="unconfirmed"))
    run_worker()
    assert value("canvas_channels_delivery_seconds_count", **passing) == before + 1
    assert value("canvas_channels_job_seconds_count", **retried) >= 1


def test_what_was_refused_is_counted_by_kind_and_state() -> None:
    for failure, state in (("down", "requested"), ("no", "failed"), ("no", "failed"), ("", "requested")):
        PasswordReset.objects.create(unique_id="penny", failure=failure, workflow_state=state)
    for state, number in (("failed", 2), ("requested", 1)):
        assert value("canvas_channels_undelivered", kind="password_reset", state=state) == number


def test_a_worker_has_a_port_of_its_own() -> None:
    port = free_port()
    worker_metrics.serve(port)
    url = f"http://127.0.0.1:{port}/metrics"
    with pytest.raises(HTTPError, match="401"):
        urlopen(url, timeout=30)
    with urlopen(Request(url, headers={"Authorization": f"Bearer {TOKEN}"}), timeout=30) as answer:
        assert b"canvas_channels_job_seconds" in answer.read()


def test_processes_that_share_a_folder_are_counted_together(tmp_path: Path) -> None:
    counting = (
        "import django; django.setup();"
        "from canvas_channels.core.metrics import BOUNCES;"
        "from canvas_channels.operations import exposition;"
        "BOUNCES.labels('permanent').inc();"
        "print(exposition.of_process().decode())"
    )
    environ = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "made")}
    for expected in ("1.0", "2.0"):
        shown = subprocess.check_output([sys.executable, "-c", counting], env=environ, text=True, timeout=60)
        assert f'canvas_channels_bounces_total{{kind="permanent"}} {expected}' in shown


def test_the_dashboard_asks_only_for_metrics_that_there_are() -> None:
    make_job()
    for metric in (metrics.BOUNCES, metrics.DELIVERIES, metrics.JOBS, metrics.STALLED):
        metric.labels(*["x"] * len(metric._labelnames))
    shown = set(re.findall(r"^(\w+)", scrape(), re.M))
    panels = json.loads(DASHBOARD.read_text())["panels"]
    asked = {target["expr"] for panel in panels for target in panel.get("targets", [])}
    names = {name for query in asked for name in re.findall(r"\bcanvas_channels_\w+", query)}
    assert len(names) >= 8
    assert names <= shown, names - shown
