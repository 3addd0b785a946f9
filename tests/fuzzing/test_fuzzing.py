"""Schemathesis calls the running service in every way that its description allows, and in others."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from canvas_channels.core.identity.models import CustomData
from canvas_channels.openapi import reading
from channels_api.devices.registration import digest
from channels_api.models import PushDevice
from tests import ROOT
from tests.factories import (
    FCM_ARN,
    default_account,
    load_catalogue,
    make_admin,
    make_channel,
    make_dispatch,
    make_key,
    make_site_admin,
    make_token,
    make_user,
)
from tests.live import LiveServer

REQUESTS = 5_000
SECONDS = 900  # on a busy machine; else it takes a third of that
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
]
CONFIG = """
[generation]
with-security-parameters = false

[phases.coverage]
unexpected-methods = []
"""
SUCCEED = 30  # operations of which a call or more does; some need a code that only a message has
CUSTOM_DATA = "/api/v1/users/{user_id}/custom_data"
FORMS = {"application/x-www-form-urlencoded", "multipart/form-data"}
# The key to take of an object that has any.
KEYS = {
    "notification_preferences": "new_announcement",
    "notification_preference_defaults": "announcement",
    "notification_preference_defaults[announcement]": "email",
}
READ = {f"{method} {CUSTOM_DATA}{scope}" for method in ("GET", "DELETE") for scope in ("", "/{scope}")}


def world() -> dict[str, Any]:
    """People with rights and without, their tokens, and what a path may name."""
    load_catalogue()
    account = default_account()
    people = [make_user(sis_user_id=f"SIS-{n}") for n in range(3)]
    admin, site_admin = make_admin(account), make_site_admin()
    channels = [
        make_channel(person, f"a{n}@example.edu", bounce_count=n % 3, last_bounce_at=timezone.now())
        for person in [*people, admin, site_admin]
        for n in range(20)
    ]
    phones = [make_channel(people[0], f"+1201555{n:04}", "sms", "unconfirmed") for n in range(20)]
    key = make_key(sns_arn=FCM_ARN)
    make_channel(people[0], "For All Devices", "push")
    devices = [
        PushDevice.objects.create(
            user=people[0],
            developer_key=key,
            token=f"token{n}",
            token_digest=digest(f"token{n}"),
            last_seen_at=timezone.now(),
        )
        for n in range(20)
    ]
    namespaces = [f"com.example.app{n}" for n in range(20)]
    for person in [*people, admin, site_admin]:
        for namespace in namespaces:
            CustomData.objects.create(user=person, namespace=namespace, data='{"a":{"b":[1,null]},"c":"d"}')
    narrow = make_key(require_scopes=True)
    scopes = ["url:GET|/api/v1/users/:user_id/communication_channels"]
    yesterday = timezone.now() - timedelta(days=1)
    tokens = [
        *(make_token(people[0], key) for _ in range(3)),
        *(make_token(admin, key), make_token(site_admin, key), make_token(site_admin, key)),
        *(
            make_token(people[1], narrow, scopes),
            make_token(people[1], key, expires=yesterday),
            "unknown",
            None,
        ),
    ]
    ids = [channel.pk for channel in [*channels, *phones]]
    return {
        "tokens": tokens,
        "spare": [make_token(people[2]) for _ in range(10)],
        "channels": [(channel.user_id, channel.pk, channel.address) for channel in [*channels, *phones]],
        "paths": {
            "user_id": ["self", "self", "sis_user_id:SIS-1", *(person.pk for person in [*people, admin])],
            "account_id": ["self", account.pk],
            "id": ids,
            "communication_channel_id": ids,
            "devices": [device.pk for device in devices],
            "progress": list(range(1, 6)),
            "notifications": [make_dispatch(account).pk for _ in range(5)],
            "type": ["email"],
            "address": [channel.address for channel in channels],
            "notification": ["new_announcement"],
            "category": ["announcement", "due_date"],
            "scope": ["a", "a/b", "c", "c/d", "c/e", "c/f/g"],  # c is no object, at first: a 409
        },
        "queries": {"ns": namespaces, "notification": ["new_announcement"]},
    }


def closed(node: Any) -> Any:
    """The description with objects that have their listed properties and no others."""
    if isinstance(node, list):
        return [closed(one) for one in node]
    if not isinstance(node, dict):
        return node
    shut = {"additionalProperties": False} if {"properties", "required"} <= node.keys() else {}
    return shut | {key: closed(value) for key, value in node.items()}


def flat(name: str, schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The parameters of a JSON body as forms and queries name them; of several shapes the first."""
    shape = schema.get("anyOf", [schema])[0]
    inner = dict(shape.get("properties", {}))
    if isinstance(shape.get("additionalProperties"), dict):
        inner[KEYS[name]] = shape["additionalProperties"]
    for key, one in inner.items():
        yield from flat(f"{name}[{key}]" if name else key, one)
    if not inner and name:
        yield (f"{name}[]" if shape.get("type") == "array" else name), schema


def with_other_ways(shown: dict[str, Any]) -> dict[str, Any]:
    """The description with the forms and queries that the service takes wherever it takes JSON."""
    for operation in (one for methods in shown["paths"].values() for one in methods.values()):
        body = operation.get("requestBody", {})
        name = body.get("$ref", "").rpartition("/")[2]
        content = (shown["components"]["requestBodies"][name] if name else body).get("content", {})
        if content.keys() & FORMS or "application/json" not in content:
            continue
        fields = dict(flat("", content["application/json"]["schema"]))
        form = {"schema": {"type": "object", "properties": fields}}
        operation["requestBody"] = {"content": {**content, **dict.fromkeys(FORMS, form)}}
        query = [{"name": name, "in": "query", "schema": one} for name, one in fields.items()]
        operation["parameters"] = [*operation.get("parameters", []), *query]
    return shown


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 60)
@pytest.mark.django_db(transaction=True)
def test_every_answer_is_described(server: LiveServer, tmp_path: Path) -> None:
    description, counted = tmp_path / "openapi.json", tmp_path / "counts.json"
    shown = with_other_ways(json.loads(reading.as_json()))
    for kind in ("schemas", "requestBodies"):
        shown["components"][kind] = closed(shown["components"][kind])
    shown["paths"] = closed(shown["paths"])
    description.write_text(json.dumps(shown))
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    options = ["--phases", "examples,coverage,fuzzing", "--max-examples", "40", "--seed", "1", "--no-color"]
    options += ["--checks", ",".join(CHECKS), "--generation-database", "none", "--max-redirects", "0"]
    options += ["--warnings", "off", "--continue-on-failure", "--suppress-health-check", "all"]
    # It runs none of our code, and coverage makes it take twice as long.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    environ = {
        "SCHEMATHESIS_HOOKS": "tests.fuzzing.hooks",
        "FUZZING_COUNTS": str(counted),
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "run", str(description), "--url", server.url, *options],
        cwd=tmp_path,
        env=inherited | environ | {"FUZZING_WORLD": json.dumps(world())},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-5_000:]
    counts: dict[str, int] = json.loads(counted.read_text())
    assert sum(counts.values()) >= REQUESTS
    answered = {name.rpartition(" ")[0] for name in counts if name.endswith(" 200")}
    assert len(answered) >= SUCCEED, answered
    assert answered >= READ, answered
