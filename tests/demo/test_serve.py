"""``scripts/serve``'s supervisor for real: what it prints works, and what it started ends."""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import requests

from canvas_channels.demo import serve
from canvas_channels.demo.data_folder import DataFolder, ServeError
from canvas_channels.demo.postgres_files import remove_data
from tests.demo.serving import free_ports, run_serve, serving

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """The data of a demo that has run once."""
    path = Path(tempfile.mkdtemp(prefix="test-serve-"))
    path.chmod(0o711)
    with serving("--port", free_ports(), "--data", path / "data"):
        pass
    yield path / "data"
    remove_data(path / "data" / "postgres")
    shutil.rmtree(path)


def descendants(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def workers(process: subprocess.Popen[str]) -> list[psutil.Process]:
    found = []
    for child in descendants(process):
        with suppress(psutil.NoSuchProcess):  # a zombie counts as gone
            if "procrastinate" in child.cmdline():
                found.append(child)
    return found


def alive(processes: list[psutil.Process], within: float) -> list[psutil.Process]:
    return psutil.wait_procs(processes, timeout=within)[1]


def test_sigterm_ends_everything(folder: Path) -> None:
    with serving("--port", free_ports(), "--data", folder) as (process, _):
        started = descendants(process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert len(started) >= 5
    assert not alive(started, within=20)


def test_localhost_serves_as_well(folder: Path) -> None:
    port = free_ports()
    local = f"http://localhost:{port}"
    sheldon = json.loads((folder / "demo.json").read_text())["users"]["sheldon"]
    with serving("--port", port, "--data", folder), requests.Session() as browser:
        token = {"Authorization": f"Bearer {sheldon['tokens']['web']}"}
        listed = browser.get(f"{local}/api/v1/users/self/communication_channels", headers=token, timeout=30)
        assert listed.status_code == 200
        assert {link["url"].partition("/api/")[0] for link in listed.links.values()} == {local}
        page = browser.get(f"{local}/login", params={"next": "/profile/communication"}, timeout=30)
        form = {
            "csrfmiddlewaretoken": browser.cookies["csrftoken"],
            "next": "/profile/communication",
            "username": sheldon["login"],
            "password": sheldon["password"],
        }
        signed_in = browser.post(page.url, form, headers={"Origin": local}, timeout=30)
        assert signed_in.status_code == 200
        assert signed_in.url == f"{local}/profile/communication"
        assert browser.get(f"{local}/demo/outbox.json", timeout=30).status_code == 200
        assert browser.get(f"http://127.0.0.1:{port}/login", timeout=30).status_code == 200
        assert browser.get(f"{local}/login", headers={"Host": "evil.example"}, timeout=30).status_code == 400


def test_a_limit_that_is_set_can_be_tried(folder: Path) -> None:
    port = free_ports()
    with serving("--port", port, "--data", folder, CONFIRMATIONS_PER_USER_PER_HOUR="1", ALLOWED_HOSTS="x"):
        token = json.loads((folder / "demo.json").read_text())["users"]["leonard"]["tokens"]["web"]
        answers = [
            requests.post(
                f"http://127.0.0.1:{port}/api/v1/users/self/communication_channels",
                json={"communication_channel": {"type": "email", "address": f"l{number}@example.com"}},
                headers={"Authorization": f"Bearer {token}"},
                timeout=30,
            )
            for number in range(2)
        ]
    assert [answer.status_code for answer in answers] == [200, 429]


def test_second_start_finds_its_data_and_a_killed_one_leaves_no_process(folder: Path) -> None:
    port = free_ports()
    before = json.loads((folder / "demo.json").read_text())
    with serving("--port", port, "--data", folder) as (process, _):
        demo = json.loads((folder / "demo.json").read_text())
        assert demo["users"] == before["users"]
        started = descendants(process)
        process.kill()
        assert not alive(started, within=20)
    with serving("--port", port, "--data", folder):
        assert json.loads((folder / "demo.json").read_text())["users"] == before["users"]


def test_demo_file_is_as_documented(folder: Path) -> None:
    demo = json.loads((folder / "demo.json").read_text())
    assert (folder / "demo.json").stat().st_mode & 0o777 == 0o600
    assert demo["accounts"]["default"] == {"id": 1, "name": "Caltech"}
    assert demo["accounts"]["other"] == {"id": 2, "name": "Cheesecake"}
    assert demo["accounts"]["capped"]["max_communication_channels"] == 3
    assert [key["id"] for key in demo["developer_keys"].values()] == [1, 2, 3, 4]
    assert demo["developer_keys"]["apns"]["sns_arn"].split("/")[1] == "APNS"
    assert demo["developer_keys"]["fcm"]["sns_arn"].split("/")[1] == "GCM"
    assert demo["developer_keys"]["web"]["sns_arn"] is None
    assert demo["users"]["sheldon"]["id"] == 1
    assert {"revoked"} == set(demo["users"]["sheldon"]["tokens"]) - set(demo["users"]["penny"]["tokens"])
    assert set(demo["users"]["penny"]["tokens"]) == {"apns", "fcm", "web", "scoped", "expired"}


def test_tokens_do_what_their_names_say_and_reset_forgets_them(folder: Path) -> None:
    port = free_ports()
    old = json.loads((folder / "demo.json").read_text())["users"]["sheldon"]["tokens"]["web"]
    with serving("--port", port, "--data", folder, "--reset"):
        demo = json.loads((folder / "demo.json").read_text())
        base = f"{demo['base_url']}/api/v1/users/self"

        def status(token: str, path: str = "/communication_channels") -> int:
            headers = {"Authorization": f"Bearer {token}"}
            return requests.get(f"{base}{path}", headers=headers, timeout=30).status_code

        tokens = demo["users"]["sheldon"]["tokens"]
        assert status(old) == 401
        assert demo["users"]["sheldon"]["id"] == 1
        statuses = {name: status(token) for name, token in tokens.items()}
        assert statuses.pop("expired") == statuses.pop("revoked") == 401
        assert set(statuses.values()) == {200}
        web = {name: user["tokens"]["web"] for name, user in demo["users"].items()}
        assert status(web.pop("deactivated")) == 401
        assert {status(token) for token in web.values()} == {200}


def test_worker_that_dies_comes_back_and_a_lost_database_ends_all(folder: Path) -> None:
    with serving("--port", free_ports(), "--data", folder) as (process, _):
        [worker] = workers(process)
        worker.kill()
        deadline = time.monotonic() + 30
        while workers(process) in ([], [worker]) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert workers(process) not in ([], [worker])
        started = descendants(process)
        [postgres] = [p for p in psutil.Process(process.pid).children() if p.name() == "postgres"]
        postgres.kill()
        assert process.wait(60) == 1
        assert process.stdout
        assert "serve: PostgreSQL ended" in process.stdout.read()
        assert not alive(started, within=20)


def failure(*arguments: str | Path | int) -> str:
    """The one line of a start that fails."""
    process = run_serve(*arguments)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert output.count("\n") == 1
    return output


def test_taken_port_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for _twice in range(2):
            assert f"port {port} is taken" in failure("--port", port, "--data", tmp_path / "data")


def test_data_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "is not a folder" in failure("--port", free_ports(), "--data", tmp_path / "file")
    assert "cannot make" in failure("--port", free_ports(), "--data", tmp_path / "file" / "x")


def test_data_in_use_is_one_line(tmp_path: Path) -> None:
    with DataFolder(tmp_path):
        assert f"process {os.getpid()} is serving" in failure("--port", free_ports(), "--data", tmp_path)


def test_unwritable_data_is_one_line() -> None:
    with pytest.raises(ServeError, match="cannot write to"):
        DataFolder(Path("/proc"))  # where even root makes no file


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files of others")
def test_data_of_another_user_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "secret_key").touch()
    os.chown(tmp_path / "secret_key", 12345, 12345)
    with pytest.raises(ServeError, match="was made by user 12345"):
        DataFolder(tmp_path)


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1"])
def test_bad_port_is_refused(port: str) -> None:
    with pytest.raises(SystemExit), suppress(ServeError):
        serve.parse(["--port", port])


def test_reset_keeps_what_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    with DataFolder(tmp_path) as folder:
        first = folder.secret_key()
        folder.empty()
        assert (tmp_path / "mine.txt").exists()
        assert folder.secret_key() != first


def test_environment_leads_nowhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "AWS_PROFILE",
        "AWS_SESSION_TOKEN",
        "EMAIL_BACKEND",
        "DATABASE_DIRECT_URL",
        "SECRET_KEY_FILE",
    ):
        monkeypatch.setenv(name, "elsewhere")
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    with DataFolder(tmp_path) as folder:
        demo = serve.Demo(free_ports(), folder)
        monkeypatch.setattr(demo.postgres, "url", lambda: "postgresql:///x")
        environment = demo.make_environment()
    assert "elsewhere" not in environment.values()
    assert environment["LOG_LEVEL"] == "DEBUG"
    assert environment["DEMO"] == "true"
