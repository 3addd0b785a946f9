"""The embedded PostgreSQL, as root and as a plain user: what it survives, and what it leaves alone."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import dj_database_url
import psutil
import psycopg
import pytest

from canvas_channels.demo import postgres_files
from canvas_channels.demo.postgres import EmbeddedPostgres, main
from canvas_channels.demo.postgres_files import PostgresError
from tests import ROOT

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has another account to run it")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every account may pass through, unlike pytest's own."""
    path = Path(tempfile.mkdtemp(prefix="test-postgres-"))
    path.chmod(0o711)
    yield path
    postgres_files.remove_data(path / "postgres")
    shutil.rmtree(path)


def server(folder: Path) -> EmbeddedPostgres:
    return EmbeddedPostgres(folder / "postgres", durable=False)


def ask(running: EmbeddedPostgres, query: str) -> object:
    with psycopg.connect(running.url(), autocommit=True) as connection:
        cursor = connection.execute(query)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_keeps_its_data_over_a_restart(folder: Path) -> None:
    with server(folder) as first:
        ask(first, "CREATE TABLE kept (id int)")
    with server(folder) as second:
        assert ask(second, "SELECT count(*) FROM kept") == 0


def test_listens_on_a_private_socket_only(folder: Path) -> None:
    with server(folder) as running:
        socket_dir = Path(dj_database_url.parse(running.url())["HOST"])
        assert ask(running, "SHOW listen_addresses") == ""
        assert mode(socket_dir) == 0o700
    assert not socket_dir.exists()


def test_url_survives_capitals(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    capitals = folder / "Ab C"
    capitals.mkdir(mode=0o755)
    monkeypatch.setattr(tempfile, "tempdir", str(capitals))
    if os.geteuid() == 0:
        capitals.chmod(0o711)
    with server(folder) as running:
        parsed = dj_database_url.parse(running.url())
        assert parsed["HOST"].startswith(str(capitals))
        assert parsed["NAME"] == "canvas_channels"
        with psycopg.connect(host=parsed["HOST"], user=parsed["USER"], dbname=parsed["NAME"]):
            pass


def test_long_temporary_folder_is_passed_over(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(folder / ("x" * 90)))
    with server(folder) as running:
        assert ask(running, "SELECT 1") == 1


def test_locale_is_the_same_everywhere(folder: Path) -> None:
    with server(folder) as running:
        assert ask(running, "SELECT lower('ÄÖÉ')") == "äöé"
        assert ask(running, "SHOW server_encoding") == "UTF8"


def test_ends_the_server_that_an_earlier_run_left(folder: Path) -> None:
    first, second = server(folder), server(folder)
    first.start()
    try:
        ask(first, "CREATE TABLE kept (id int)")
        with second:
            assert ask(second, "SELECT count(*) FROM kept") == 0
    finally:
        first.stop()


def test_survives_a_stale_pid_file_that_names_another_program(folder: Path) -> None:
    with server(folder) as running:
        pid_file = running.data_dir / "postmaster.pid"
        content = pid_file.read_text().splitlines()
    other = subprocess.Popen(["sleep", "60"], **postgres_files.Account.choose().popen_options())
    try:
        pid_file.write_text("\n".join([str(other.pid), *content[1:], ""]))
        with server(folder) as again:
            assert ask(again, "SELECT 1") == 1
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_ends_with_its_owner_even_when_that_is_killed(folder: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path\n"
        "from canvas_channels.demo.postgres import EmbeddedPostgres\n"
        "server = EmbeddedPostgres(Path(sys.argv[1]), durable=False); server.start()\n"
        "print(server.process.pid, flush=True); time.sleep(60)"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", code, str(folder / "postgres")], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout
    postgres = psutil.Process(int(owner.stdout.readline()))
    owner.kill()
    owner.wait()
    owner.stdout.close()
    psutil.wait_procs([postgres], timeout=30)
    assert not postgres.is_running() or postgres.status() == psutil.STATUS_ZOMBIE
    left_behind = Path((folder / "postgres.socket").read_text())
    with server(folder) as again:
        assert ask(again, "SELECT 1") == 1
        assert not left_behind.exists()


def test_half_made_data_is_made_again(folder: Path) -> None:
    (folder / "postgres.new-1").mkdir()
    with server(folder):
        assert [path.name for path in folder.glob("postgres.new-*")] == []


def test_says_which_version_made_the_data(folder: Path) -> None:
    with server(folder) as running:
        version = running.data_dir / "PG_VERSION"
    version.write_text("12\n")
    with pytest.raises(PostgresError, match=r"made by PostgreSQL 12, this is \d+: start with --reset"):
        server(folder).start()


def test_says_why_the_server_did_not_start(folder: Path) -> None:
    with server(folder) as running:
        configuration = running.data_dir / "postgresql.conf"
    configuration.write_text("no_such_setting = 1\n")
    with pytest.raises(PostgresError, match=r"configuration file .* contains errors"):
        server(folder).start()


def test_a_folder_that_cannot_be_made_is_one_line(folder: Path) -> None:
    (folder / "file").touch()
    with pytest.raises(PostgresError, match=r"cannot use .*/file"):
        EmbeddedPostgres(folder / "file" / "postgres").start()


def test_url_of_a_stopped_server_is_an_error(folder: Path) -> None:
    with pytest.raises(PostgresError, match="not running"):
        server(folder).url()


@as_root
def test_data_goes_elsewhere_below_a_folder_that_lets_nobody_in(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    for _start in range(2):
        with server(closed) as running:
            elsewhere = running.data_dir.readlink()
            assert ask(running, "SELECT 1") == 1
    assert mode(closed) == 0o700
    assert elsewhere.parent.parent == Path("/var/tmp")
    postgres_files.remove_data(closed / "postgres")
    assert not elsewhere.parent.exists()
    assert not (closed / "postgres").is_symlink()


@as_root
def test_programs_are_copied_where_they_cannot_be_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = postgres_files.installed_programs()
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    package = closed / installed.parent.name
    shutil.copytree(installed, package / installed.name, symlinks=True)
    shutil.copytree(f"{installed.parent}.libs", f"{package}.libs")
    monkeypatch.setattr(postgres_files, "installed_programs", lambda: package / installed.name)
    for _start in range(2):
        with server(folder) as running:
            assert ask(running, "SELECT 1") == 1
    assert len(list(folder.glob("postgres-programs-*"))) == 1


@as_root
def test_data_of_another_user_is_one_line(folder: Path) -> None:
    (folder / "postgres").mkdir()
    os.chown(folder / "postgres", 12345, 12345)
    with pytest.raises(PostgresError, match="was made by another user"):
        server(folder).start()


@as_root
def test_root_without_the_right_to_change_user_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(subprocess, "run", refuse)
    with pytest.raises(PostgresError, match="use a plain user"):
        postgres_files.Account.choose().can_run("true")


def run_throwaway(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "canvas_channels.demo.postgres", "run", "--", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_run_passes_the_url_and_the_exit_status_and_leaves_nothing() -> None:
    done = run_throwaway("sh", "-c", "echo $DATABASE_URL; exit 7")
    assert done.returncode == 7
    assert not Path(dj_database_url.parse(done.stdout.strip())["HOST"]).exists()


def test_run_ends_its_command_on_sigterm(tmp_path: Path) -> None:
    running = subprocess.Popen(
        [sys.executable, "-m", "canvas_channels.demo.postgres", "run", "--"]
        + ["sh", "-c", f"touch {tmp_path}/started; exec sleep 60"],
        cwd=ROOT,
    )
    while not (tmp_path / "started").exists():
        time.sleep(0.05)
    children = psutil.Process(running.pid).children(recursive=True)
    running.send_signal(signal.SIGTERM)
    assert running.wait(60) != 0
    gone, alive = psutil.wait_procs(children, timeout=30)
    assert gone
    assert not alive


def test_run_says_what_is_wrong_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_throwaway("/no/such/command").stderr.strip().count("\n") == 0
    with pytest.raises(SystemExit):
        main(["run"])
    assert "which command?" in capsys.readouterr().err


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT])
def test_restarts_at_the_same_address(folder: Path, how: signal.Signals) -> None:
    with EmbeddedPostgres(folder / "postgres") as running:
        ask(running, "CREATE TABLE kept (id int)")
        url = running.url()
        with psycopg.connect(url) as lost:
            running.restart(how)
            with pytest.raises(psycopg.OperationalError):
                lost.execute("SELECT 1")
        assert running.url() == url
        assert ask(running, "SELECT count(*) FROM kept") == 0
