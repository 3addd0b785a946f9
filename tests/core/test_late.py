"""What a web process has no use for when it starts is not there, and is found by name later."""

import ast
import json
import os
import subprocess
import sys

from django.utils.module_loading import import_string

from tests import ROOT
from tests.test_structure import SOURCES

# What delivers, signs in elsewhere, shares the throttle, or reads what providers report.
LEFT_OUT = {
    "anymail",
    "authlib",
    "boto3",
    "botocore",
    "css_inline",
    "flufl",
    "joserfc",
    "liquid",
    "notifications.gateways.email",
    "notifications.gateways.sns",
    "notifications.messages.delivery",
    "notifications.tasks",
    "notifications.worker.process",
    "redis",
}
SETTINGS = {"DEMO": "false", "REDIS_URL": "", "OIDC_ISSUER": ""}


def test_a_web_process_starts_without_what_it_may_never_use() -> None:
    code = "import canvas_channels.rsgi, json, sys; print(json.dumps(list(sys.modules)))"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ | SETTINGS, capture_output=True, check=True
    )
    modules = set(json.loads(found.stdout))
    assert "channels_api.channels.views" in modules
    assert not LEFT_OUT & modules


def test_everything_that_is_named_is_there() -> None:
    named = {
        node.args[0].value
        for path in SOURCES.values()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "late"
        if isinstance(node.args[0], ast.Constant)
    }
    assert named
    for path in named:
        assert callable(import_string(str(path))), path
