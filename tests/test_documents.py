"""The documents: each command in them works, and each link leads somewhere."""

import ast
import json
import os
import re
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
import yaml
from django.core.management import get_commands, load_command_class
from django.test import Client
from pytest_django import Settings

from canvas_channels.core.identity.models import DeveloperKey
from channels_api.messages import confirmations
from channels_api.models import Confirmation
from notifications.webhooks.models import WebhookEvent
from tests import ROOT
from tests.api.conftest import ApiClient
from tests.commands import run
from tests.documents import commands, documents, fenced_blocks, manage, read
from tests.factories import make_channel, make_user
from tests.live import database_url

OPERATING = "docs/operating.md"
TESTS = ROOT / "tests"
# Every block that a reader may type, by how it begins, and the test that does what it says.
TYPED = {
    "README.md": {
        "scripts/serve": "demo/test_first_steps.py::test_printed_commands_work_pasted_together",
        "scripts/test": "test_documents.py::test_scripts_and_their_options_exist",  # it runs this test
        "TOKEN=$(python3": "demo/test_first_steps.py::test_the_readme_says_the_same",
    },
    "docs/install.md": {
        **dict.fromkeys(
            [
                "apt-get",
                "adduser",
                "runuser",
                "install",
                "channels",
                "openssl",
                "PASSWORD=",
                "cd /srv/canvas_channels",
            ],
            "install/test_install.py::test_what_is_printed_leads_to_an_answer_over_tls",
        ),
        "docker compose exec": (
            "operations/test_deploy_files.py::test_commands_in_containers_name_what_is_there"
        ),
        "sed": "operations/test_deploy_files.py::test_the_printed_secret_starts_the_service",
    },
    "docs/oauth.md": dict.fromkeys(
        ["SERVICE=", "CODE=", "ANSWER=$(curl", "curl", "TOKEN=$(curl"],
        "browser/test_oauth_page.py::test_a_token_by_oauth",
    ),
    "docs/moving-from-canvas.md": {
        "export CANVAS_TOKEN=": "notifications/canvas_import/test_api.py::test_the_documented_commands",
        "python manage.py": "notifications/canvas_import/test_files.py::test_the_documented_command",
    },
    OPERATING: {
        "python manage.py migrate": "test_documents.py::test_a_service_is_prepared_and_its_worker_started",
        "scripts/compose": "operations/test_compose.py::test_no_secret_has_a_default",
        "pg_dump": "operations/test_backup.py::test_what_is_restored_serves_and_has_its_queue",
        "python manage.py deliveries": "test_documents.py::test_what_was_not_delivered_is_listed_and_retried",
        "python manage.py create_account": "test_documents.py::test_a_first_token_works",
        "python manage.py create_developer_key": "test_documents.py::test_a_key_for_oauth",
        "python manage.py export_user": "test_documents.py::test_a_user_is_exported_and_erased",
    },
    "docs/providers.md": {
        "python manage.py create_developer_key": (
            "notifications/diagnosis/test_check_push.py::test_the_documented_commands_make_a_key_and_try_it"
        ),
        "python manage.py check_push": (
            "notifications/diagnosis/test_check_push.py::test_the_documented_commands_make_a_key_and_try_it"
        ),
        "python manage.py check_email": (
            "notifications/diagnosis/test_check_email.py::test_the_documented_commands_try_and_send"
        ),
        "python manage.py receive_bounce": (
            "notifications/bounce_mail/test_bounce_mail.py::test_the_documented_command"
        ),
    },
}


@pytest.mark.parametrize("document", documents())
def test_each_block_that_is_typed_is_tested(document: str) -> None:
    """A new block makes this fail: test what it says, and name the test in ``TYPED``."""
    begins = TYPED.get(document, {})
    typed = [block.text for block in fenced_blocks(document) if block.language not in {"json", "text"}]
    untested = [text for text in typed if not text.startswith(tuple(begins))]
    assert untested == []
    assert [begin for begin in begins if not any(text.startswith(begin) for text in typed)] == []


@pytest.mark.parametrize("test", sorted({test for tests in TYPED.values() for test in tests.values()}))
def test_the_tests_that_are_named_exist(test: str) -> None:
    file, _, name = test.partition("::")
    tree = ast.parse((TESTS / file).read_text())
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("document", documents())
def test_scripts_and_their_options_exist(document: str) -> None:
    text = read(document)
    for script, options in re.findall(r"\bscripts/(\w+)((?: --[\w-]+)*)", text):
        path = ROOT / "scripts" / script
        assert os.access(path, os.X_OK), path
        known = path.read_text() + (TESTS / "tools" / "benchmarks" / "__main__.py").read_text()
        assert [option for option in options.split() if option not in known] == []


@pytest.mark.parametrize("document", documents())
def test_commands_of_manage_py_exist_with_their_options(document: str) -> None:
    for command, rest in re.findall(r"\bmanage\.py (\w+)([^`\n#]*)", read(document).replace("\\\n", "")):
        assert command in get_commands(), command
        known = load_command_class(get_commands()[command], command).create_parser("manage.py", command)
        unknown = set(re.findall(r"(?<!\S)--[\w-]+", rest)) - set(known._option_string_actions)
        assert unknown == set()


def test_each_command_of_ours_has_its_line() -> None:
    ours = {"canvas_channels.core.identity", "channels_api", "notifications"}
    known = {name for name, app in get_commands().items() if app in ours} - {"procrastinate"}
    rows = re.findall(r"^\| (`.*?) \|", read(OPERATING).partition("| command |")[2], re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", " ".join(rows))) >= known


@pytest.mark.parametrize("document", documents())
def test_links_lead_to_files_and_headings(document: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", read(document)):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        path = (ROOT / document).parent / file if file else ROOT / document
        assert path.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in slugs, target


@pytest.mark.parametrize("document", [page for page in documents() if page != "CHANGELOG.md"])
def test_files_and_modules_that_are_named_exist(document: str) -> None:
    ours = r"(?:canvas_channels|channels_api|notifications|tests|scripts|docs)"
    named = re.findall(rf"`({ours}/[\w./-]*)`", read(document))
    named += [name.replace(".", "/") for name in re.findall(rf"`({ours}(?:\.\w+)+)`", read(document))]
    missing = [name for name in named if not ((ROOT / name).exists() or (ROOT / f"{name}.py").exists())]
    assert missing == []


def test_the_rights_at_amazon_are_those_that_are_used() -> None:
    source = "".join(path.read_text() for path in (ROOT / "notifications").rglob("*.py"))
    actions = set(re.findall(r"\bsns:(\w+)", read("docs/providers.md")))
    assert len(actions) > 5
    methods = {action: re.sub(r"(?<=[a-z])(?=[A-Z])", "_", action).lower() for action in actions}
    assert [action for action in actions if action not in source and methods[action] not in source] == []


def test_each_provider_of_events_is_described() -> None:
    described = set(re.findall(r"`/webhooks/(\w+)`", read("docs/providers.md")))
    assert described == set(WebhookEvent.Provider.values)


def test_a_host_that_is_not_served_is_told_so_in_the_words_that_have_help(settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["channels.example.edu"]
    [row] = re.findall(r"^\| ([^|]* answers 400[^|]*) \|", read("docs/install.md"), re.MULTILINE)
    of_pages, of_calls = re.findall("`(.+?)`", row)
    for path, words in (("/login", of_pages), ("/api/v1/users/self", of_calls)):
        answer = Client().get(path, headers={"host": "another.example.edu"})
        assert (answer.status_code, words in answer.text) == (400, True)


def test_commits_are_linted_as_in_continuous_integration() -> None:
    [repository] = yaml.safe_load(read(".pre-commit-config.yaml"))["repos"]
    [hook] = repository["hooks"]
    assert (repository["repo"], hook["language"], hook["pass_filenames"]) == ("local", "system", False)
    assert hook["entry"] == "scripts/test --only-lint"


def test_new_versions_are_proposed_for_all_that_is_pinned() -> None:
    renovate = json.loads(read("renovate.json"))
    [pattern] = renovate["pip_requirements"]["managerFilePatterns"]
    assert re.fullmatch(pattern.strip("/"), "constraints.txt")
    for file in ("constraints.txt", "pyproject.toml", "Dockerfile", "compose.yaml"):
        assert (ROOT / file).exists()
    assert set(renovate["enabledManagers"]) == {"pep621", "pip_requirements", "dockerfile", "docker-compose"}


def test_the_sections_of_the_contract_that_comments_cite_exist() -> None:
    sections = set(re.findall(r"^## (\d)\. ", read("docs/contract.md"), re.MULTILINE))
    cited: set[str] = set()
    for package in ("canvas_channels", "channels_api", "notifications"):
        for path in (ROOT / package).rglob("*.py"):
            source = path.read_text()
            assert "the contract" not in source, f"{path}: cite docs/contract.md, and its section"
            cited.update(re.findall(r"docs/contract\.md,\s+sections? (\d)", source))
    assert len(cited) > 3
    assert cited <= sections


def test_the_readme_names_each_page_and_stays_short() -> None:
    text = read("README.md")
    assert [page for page in documents() if page.startswith("docs/") and f"({page})" not in text] == []
    assert len(text.splitlines()) <= 150


@pytest.mark.django_db(transaction=True)
def test_a_service_is_prepared_and_its_worker_started(tmp_path: Path) -> None:
    block, _ = commands(OPERATING, "Run it")
    migrate, collect, worker = manage(block)
    assert worker == ["procrastinate", "worker"]
    for arguments in (migrate, collect, [*worker, "--one-shot"]):
        subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=os.environ | {"DATABASE_URL": database_url(), "STATIC_ROOT": str(tmp_path)},
            check=True,
            timeout=60,
        )
    assert (tmp_path / "web").is_dir()


@pytest.mark.django_db(reset_sequences=True, transaction=True)
def test_a_first_token_works() -> None:
    first, _ = commands(OPERATING, "Accounts, users and tokens")
    *_, token = [run(*arguments) for arguments in manage(first)]
    answer = ApiClient(token.strip()).call("GET", "/users/self")
    assert answer.json()["name"] == "Sheldon Cooper"


@pytest.mark.django_db
def test_a_key_for_oauth() -> None:
    _, second = commands(OPERATING, "Accounts, users and tokens")
    [arguments] = manage(second)
    run(*arguments)
    assert DeveloperKey.objects.get(name="My app").redirect_uris == arguments[-1]


@pytest.mark.django_db(transaction=True)
def test_what_was_not_delivered_is_listed_and_retried() -> None:
    channel = make_channel(make_user(), "n@example.edu", workflow_state="unconfirmed")
    assert confirmations.resend(channel)
    [block] = commands(OPERATING, "When a delivery fails")
    listing, one, every, refused = manage(block)
    assert one[1] == "--retry"
    kind, _, number = one[2].partition(":")
    assert kind == "confirmation"
    Confirmation.objects.update(id=int(number))
    assert one[2] in run(*listing)
    for arguments in (one, every, refused):
        run(*arguments)


@pytest.mark.django_db(transaction=True)
def test_a_user_is_exported_and_erased(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_user(pk=12, login="penny")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", StringIO("12\n"))
    [block] = commands(OPERATING, "Export and erasure")
    export, erase = manage(block)
    run(*export)
    assert json.loads((tmp_path / "penny.json").read_text())
    assert "Erased user 12" in run(*erase)
