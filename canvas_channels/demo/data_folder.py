"""The folder that one ``scripts/serve`` keeps its data in, and that no second one may use meanwhile."""

import fcntl
import os
import pwd
import secrets
import shutil
from pathlib import Path
from typing import Self

from canvas_channels.demo.postgres_files import remove_data


class ServeError(Exception):
    """The demo cannot run; the message is one line for a person."""


class DataFolder:
    """Locked from construction to the end of its ``with`` block; ServeError where it cannot be used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.postgres = path / "postgres"
        self.demo_file = path / "demo.json"
        self.outbox_file = path / "outbox.jsonl"
        self.logs = path / "log"
        self._secret_key_file = path / "secret_key"
        self._make()
        self.ended_badly = self._lock()

    def _make(self) -> None:
        try:
            if not self.path.exists():
                self.path.mkdir(parents=True)
                # As root, the database's account has to pass through; what is secret has mode 600.
                self.path.chmod(0o711 if os.geteuid() == 0 else 0o700)
            if not self.path.is_dir():
                raise ServeError(f"{self.path} is not a folder: choose another with --data")
        except OSError as error:
            raise ServeError(
                f"cannot make {self.path} ({error.strerror}): choose another with --data"
            ) from error
        if not os.access(self.path, os.R_OK | os.W_OK | os.X_OK):
            raise ServeError(f"cannot write to {self.path}: choose another folder with --data")
        if self._secret_key_file.exists() and (owner := self._secret_key_file.stat().st_uid) != os.geteuid():
            raise ServeError(
                f"{self.path} was made by user {_name(owner)}: start as that user, or choose other --data"
            )

    def _lock(self) -> bool:
        """Returns whether the last run was killed, so that its port may take a moment to become free."""
        try:
            self._lock_file = os.open(self.path / "serve.pid", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise ServeError(f"cannot write to {self.path} ({error.strerror})") from error
        written = os.read(self._lock_file, 20).decode(errors="replace").strip()
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ServeError(
                f"process {written} is serving {self.path}: choose another with --data"
            ) from None
        os.ftruncate(self._lock_file, 0)
        os.pwrite(self._lock_file, f"{os.getpid()}\n".encode(), 0)
        return bool(written)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.ftruncate(self._lock_file, 0)  # an orderly end
        os.close(self._lock_file)

    def empty(self) -> None:
        """Remove what the demo keeps here, and only that."""
        remove_data(self.postgres)
        for file in (self.demo_file, self.outbox_file, self._secret_key_file):
            file.unlink(missing_ok=True)
        shutil.rmtree(self.logs, ignore_errors=True)

    def secret_key(self) -> str:
        """The key of this folder, made once."""
        if not self._secret_key_file.exists():
            draft = self.path / "secret_key.new"
            draft.touch(mode=0o600)
            draft.write_text(secrets.token_urlsafe(48))
            draft.rename(self._secret_key_file)
        return self._secret_key_file.read_text()


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
