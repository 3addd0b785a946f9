"""The structure that the design asks for: direction of imports, sizes of files, names of jobs."""

import ast
import re
from pathlib import Path

import pytest
from procrastinate.contrib.django import app

from canvas_channels import server
from channels_api import outbox
from tests import ROOT

# Each layer may import those before it, never one after it.
LAYERS = [
    "canvas_channels.core.rest",
    "canvas_channels.core.identity",
    "channels_api",
    "notifications",
    "canvas_channels.operations",
    "canvas_channels.openapi",
    "canvas_channels.web",
    "canvas_channels.front",
    "canvas_channels.demo",
]
SOURCES = [
    path
    for package in ("canvas_channels", "channels_api", "notifications")
    for path in sorted((ROOT / package).rglob("*.py"))
    if "migrations" not in path.parts
]


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def layer_of(module: str) -> int | None:
    return next((n for n, layer in enumerate(LAYERS) if f"{module}.".startswith(f"{layer}.")), None)


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_imports_point_one_way(path: Path) -> None:
    own = layer_of(module_name(path))
    if own is not None:
        wrong = {name for name in imported(path) if (layer_of(name) or 0) > own}
        assert not wrong, f"{module_name(path)} imports from a layer above it: {wrong}"


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_files_can_be_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 320


@pytest.mark.parametrize(
    "name",
    [
        outbox.SEND_ANNOUNCEMENT,
        outbox.SEND_CONFIRMATION,
        outbox.SYNC_DEVICE,
        outbox.RUN_PROGRESS,
        outbox.SEND_PASSWORD_RESET,
    ],
)
def test_the_outbox_names_jobs_that_exist(name: str) -> None:
    assert name in app.tasks


@pytest.mark.parametrize("file", ["docs/operating.md", "Dockerfile"])
def test_the_server_that_is_tested_is_the_one_that_is_told_to_start(file: str) -> None:
    told = " ".join(re.findall(r"[\w.:-]+", (ROOT / file).read_text()))
    options = " ".join(server.OPTIONS)
    assert f"granian {options} --host 0.0.0.0 --port 8000" in told
