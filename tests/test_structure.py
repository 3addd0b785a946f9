"""The structure that docs/architecture.md describes: who imports whom, sizes of files and folders, jobs."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from django.apps import apps
from procrastinate.contrib.django import app

from canvas_channels.core.outbox import Job
from notifications.kinds import KINDS
from tests import ROOT

PACKAGES = ("canvas_channels", "channels_api", "notifications")
MOST_MODULES = 15  # in a folder, without __init__
MOST_LINES = 300

# From the ground up. Whatever is in a line imports from lines above it, and from its own line; never from one
# below. A folder stands for what is in it, but for what has a line of its own.
FLOORS = """
canvas_channels.core.constraints
canvas_channels.core.postgresql
canvas_channels.core
canvas_channels.core.rest
canvas_channels.core.middleware
canvas_channels.core.identity.signals canvas_channels.core.identity.validators
canvas_channels.core.identity.models canvas_channels.core.identity.custom_data.models
canvas_channels.core.identity.oauth.scopes canvas_channels.core.identity.oauth.scope_words
canvas_channels.core.identity
canvas_channels.core.identity.oauth
canvas_channels.core.identity.signing_in
canvas_channels.core.identity.custom_data
canvas_channels.core.identity.admin
canvas_channels.core.identity.personal_data canvas_channels.core.identity.pruning
canvas_channels.core.identity.management canvas_channels.core.identity.urls
canvas_channels.identity
channels_api.errors
channels_api.addresses
channels_api.models
channels_api.statements
channels_api.audit
channels_api.messages
channels_api.devices.registration
channels_api.channels
channels_api.viewsets
channels_api.channels.views channels_api.devices
channels_api.users
channels_api.accounts
channels_api.management
channels_api
notifications.gateways
notifications.worker
notifications.senders
notifications.preferences
notifications.canvas_import
notifications.dispatches.models
notifications.messages.models notifications.messages.queue
notifications.webhooks
notifications.scheduling
notifications.messages
notifications.deciding
notifications.dispatches
notifications.bounce_mail
notifications.record
notifications.settings
notifications.diagnosis
notifications
canvas_channels.operations
canvas_channels.openapi
canvas_channels.web canvas_channels.web.templatetags
canvas_channels.web.people
canvas_channels.web.signing_in
canvas_channels.web.channels
canvas_channels.web.admins
canvas_channels.web.urls
canvas_channels
canvas_channels.front
canvas_channels.rsgi
canvas_channels.demo
"""
FLOOR_OF = {name: number for number, line in enumerate(FLOORS.splitlines()) for name in line.split()}

SOURCES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
    if "migrations" not in path.parts
}
FOLDERS = sorted({path.parent for path in SOURCES.values()})

MIRRORED = {  # by folders of tests
    "core": "canvas_channels/core",
    "web": "canvas_channels/web",
    "channels_api": "channels_api",
    "notifications": "notifications",
}
TESTS = [
    path.relative_to(ROOT / "tests")
    for folder in MIRRORED
    for path in sorted((ROOT / "tests" / folder).rglob("test_*.py"))
]


def floor_of(module: str) -> int:
    while module not in FLOOR_OF:
        module = module.rpartition(".")[0]
    return FLOOR_OF[module]


def imported(module: str) -> set[str]:
    """The modules of ours that a module imports, wherever in it, or names as imported ``late``."""
    found = set()
    for node in ast.walk(ast.parse(SOURCES[module].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in SOURCES else node.module for name in names}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "late":
            found |= {ast.literal_eval(argument).rpartition(".")[0] for argument in node.args}
    return found & SOURCES.keys() - {module}


@pytest.mark.parametrize("module", SOURCES)
def test_imports_point_one_way(module: str) -> None:
    up = {name for name in imported(module) if floor_of(name) > floor_of(module)}
    assert not up, f"{module} imports from a floor above its own: {up}"


def test_imports_make_no_circle() -> None:
    TopologicalSorter({module: imported(module) for module in SOURCES}).prepare()  # raises CycleError


def test_every_folder_has_a_floor_and_every_floor_is_there() -> None:
    folders = {".".join(folder.relative_to(ROOT).parts) for folder in FOLDERS}
    known = {name for name in folders if ".management" not in name}
    assert known - FLOOR_OF.keys() <= {"canvas_channels.core.identity.management", "channels_api.management"}
    assert FLOOR_OF.keys() <= SOURCES.keys() | folders


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_a_folder_is_one_topic(folder: Path) -> None:
    assert len([path for path in folder.glob("*.py") if path.name != "__init__.py"]) <= MOST_MODULES


@pytest.mark.parametrize("module", SOURCES)
def test_files_can_be_read_in_one_sitting(module: str) -> None:
    assert len(SOURCES[module].read_text().splitlines()) <= MOST_LINES


@pytest.mark.parametrize("test", TESTS, ids=str)
def test_a_test_is_named_after_what_it_tests(test: Path) -> None:
    """After what is in the folder that its own mirrors, after that folder, or a command of the package."""
    package, *folders = test.parent.parts
    top = ROOT / MIRRORED[package]
    folder = top.joinpath(*folders)
    name = folder.relative_to(ROOT)
    assert folder.is_dir(), f"There is no {name}: move tests/{test} to the folder that mirrors its module's."
    above = [parent for parent in (folder, *folder.parents) if parent.is_relative_to(top)]
    commands = [command for parent in above for command in parent.glob("management/commands/*.py")]
    inside = [path for path in folder.iterdir() if path.is_dir() or path.suffix == ".py"]
    assert any(f"{test.stem}_".startswith(f"test_{path.stem}_") for path in [folder, *inside, *commands]), (
        f"tests/{test} names nothing in {name}. Call it test_<module>.py or test_<module>_<aspect>.py after "
        f"the module that it tests, or test_{folder.name}_<aspect>.py where it tests more than one, or move "
        "it to the folder that mirrors its module's."
    )


@pytest.mark.parametrize("job", [kind.model.job for kind in KINDS.values()])
def test_jobs_that_are_asked_for_exist(job: Job) -> None:
    assert job.name in app.tasks


def test_every_kind_of_what_is_delivered_is_known() -> None:
    """To the jobs, ``manage.py deliveries``, Django's admin and the metrics."""
    found = {model for model in apps.get_models() if isinstance(getattr(model, "job", None), Job)}
    assert {kind.model for kind in KINDS.values()} == found
