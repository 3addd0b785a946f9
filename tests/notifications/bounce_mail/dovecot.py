"""Debian's Dovecot on loopback: a mailbox that bounces come back to."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from canvas_channels.demo.processes import dies_with_parent, end
from tests.live import free_port

USER, PASSWORD = "bounces@example.edu", "p@ss/word"
READY_SECONDS = 20

_CONFIGURATION = """
protocols = imap
listen = 127.0.0.1
base_dir = {folder}/run
log_path = {folder}/log
ssl = {ssl}
{certificate}
disable_plaintext_auth = no
mail_location = maildir:{folder}/mail
default_login_user = {owner}
default_internal_user = {owner}
first_valid_uid = 1
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={owner} gid={group} home={folder}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
"""


class Dovecot:
    """Runs as root, and keeps its mail as somebody who is not."""

    def __init__(self, folder: Path, certificate: Path | None = None) -> None:
        self.folder = folder
        self.new = folder / "mail" / "new"
        self.port, self.tls_port = free_port(), free_port() if certificate else 0
        owner = pwd.getpwnam("nobody")
        for name in ("cur", "new", "tmp"):
            (folder / "mail" / name).mkdir(parents=True)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, owner.pw_uid, owner.pw_gid)
        self.file = folder / "dovecot.conf"
        self.file.write_text(
            _CONFIGURATION.format(
                folder=folder,
                ssl="yes" if certificate else "no",
                certificate=f"ssl_cert = <{certificate}\nssl_key = <{certificate}" if certificate else "",
                owner="nobody",
                group="nogroup",
                password=PASSWORD,
                port=self.port,
                tls_port=self.tls_port,
            )
        )
        self.process = subprocess.Popen(
            [shutil.which("dovecot") or "dovecot", "-F", "-c", str(self.file)],
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=dies_with_parent(signal.SIGTERM),
        )
        deadline = time.monotonic() + READY_SECONDS
        while not self._answers():
            assert self.process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, "dovecot did not start"
            time.sleep(0.05)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def deliver(self, content: bytes) -> None:
        path = self.new / f"{time.time_ns()}.test"
        path.write_bytes(content)
        path.chmod(0o666)

    def messages(self) -> list[Path]:
        return [path for name in ("new", "cur") for path in (self.folder / "mail" / name).iterdir()]

    def stop(self) -> None:
        end([self.process], grace=10)
