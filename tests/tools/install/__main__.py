"""Does what docs/install.md says, word for word: ``python -m tests.tools.install [--bare]``, as root.

On a copy of this machine that is gone afterwards; with ``--bare`` on a Debian that debootstrap makes, which
takes some minutes. systemd does not run there: ``systemctl.py`` beside this file starts the services.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import ROOT
from tests.documents import fenced_blocks

DOCUMENT = "docs/install.md"
PACKAGES = "1. Packages"
ELSEWHERE = {"Containers", "Kubernetes"}  # than on this machine
# What a machine has that was booted: a network, with curl in it, and the services of its packages.
BOOT = r"""
touch /run/network
unshare --net=/run/network ip link set lo up
# Debian's package makes this one, but where a machine forbids it, as .ci/run does.
ls /etc/postgresql/*/main || pg_createcluster "$(ls /usr/lib/postgresql | tail --lines 1)" main
nsenter --net=/run/network service postgresql start
nsenter --net=/run/network service nginx start
printf '#!/bin/sh\nexec nsenter --net=/run/network /usr/bin/curl "$@"\n' > /usr/local/bin/curl
chmod 755 /usr/local/bin/curl
hash -r
"""
# What somebody looks at who has done it all.
LOOK = r"""
systemd-analyze verify /etc/systemd/system/canvas_channels-*.service
look() {
    curl --silent --fail --retry 20 --retry-all-errors --cacert /etc/ssl/certs/channels.example.edu.pem \
        --resolve channels.example.edu:443:127.0.0.1 "https://channels.example.edu$1"
}
style=$(look /login | grep --only-matching '/static/[^"]*css' | head --lines 1)
look "$style" > /dev/null
channels deliveries
"""
KEPT = ("PIP_", "SSL_")  # how this machine reaches the package registries


def script() -> str:
    """All that the document says is to be typed, in its order, and what happens between."""
    lines = ["set -euxo pipefail"]
    for block in fenced_blocks(DOCUMENT):
        if block.heading not in ELSEWHERE:
            lines += [block.text, BOOT] if block.heading == PACKAGES else [block.text]
    return "\n".join([*lines, LOOK])


@contextmanager
def machine(bare: bool) -> Iterator[Path]:
    """The root directory of a machine. This process has a mount namespace of its own."""
    folder = Path(tempfile.mkdtemp())
    run("mount", "-t", "tmpfs", "-o", "size=4g", "tmpfs", folder)
    try:
        below, above, work, root = (folder / name for name in ("below", "above", "work", "root"))
        for path in (below, above, work, root):
            path.mkdir()
        if bare:
            make_debian(below)
        layers = f"lowerdir={below if bare else '/'},upperdir={above},workdir={work}"
        run("mount", "-t", "overlay", "-o", layers, "overlay", root)
        run("mount", "--rbind", "/dev", root / "dev")
        run("mount", "-t", "proc", "proc", root / "proc")
        run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", root / "run")
        run("mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", root / "tmp")
        yield root
    finally:
        run("umount", "--recursive", "--lazy", folder)
        folder.rmdir()  # it is empty: never delete what is below, where /dev is this machine's


def make_debian(root: Path) -> None:
    """Debian 12, with this machine's sources of packages."""
    run("debootstrap", "--variant=minbase", "--include=ca-certificates,iproute2,systemd", "bookworm", root)
    for path in (
        "etc/apt",
        "etc/pip.conf",
        "etc/ssl/certs/ca-certificates.crt",
        "etc/resolv.conf",
        "etc/hosts",
    ):
        here, there = Path("/") / path, root / path
        if here.is_dir():
            shutil.copytree(here, there, dirs_exist_ok=True)
        elif here.exists():
            shutil.copy(here, there)


def put_files(root: Path) -> None:
    """The project's files, as a clone has them."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    for name in filter(os.path.exists, (ROOT / name for name in listed.stdout.splitlines())):
        target = root / "srv" / "canvas_channels" / name.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(name, target)
    systemctl = root / "usr" / "local" / "sbin" / "systemctl"
    shutil.copy(Path(__file__).with_name("systemctl.py"), systemctl)
    systemctl.chmod(0o755)


def run(*command: object) -> None:
    subprocess.run([str(word) for word in command], check=True, timeout=600, stdout=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.tools.install", description=__doc__)
    parser.add_argument("--bare", action="store_true", help="on a new Debian")
    options = parser.parse_args()
    if not os.environ.get("IN_A_NAMESPACE"):  # once more, with mounts and processes that end with it
        own = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        again = [*own, sys.executable, "-m", "tests.tools.install", *sys.argv[1:]]
        os.execvpe("unshare", again, os.environ | {"IN_A_NAMESPACE": "yes"})
    environ = {name: value for name, value in os.environ.items() if name.startswith(KEPT)}
    environ |= {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(Path.home()),
    }
    environ |= {"DEBIAN_FRONTEND": "noninteractive", "LANG": "C.UTF-8"}
    with machine(options.bare) as root:
        put_files(root)
        shell = ["chroot", str(root), "bash", "-s"]
        done = subprocess.run(shell, input=script().encode(), env=environ, timeout=1200, check=False)
        if done.returncode:
            for log in (root / "run").glob("canvas_channels-*.log"):
                sys.stderr.write(f"{log.name}:\n{log.read_text()[-3000:]}\n")
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
