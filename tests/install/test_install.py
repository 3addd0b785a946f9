"""docs/install.md, word for word: from Debian's packages to an answer over TLS."""

import os
import subprocess
import sys

import pytest

from tests import ROOT


def overlays_are_permitted() -> bool:
    script = "mount -t tmpfs tmpfs /mnt && cd /mnt && mkdir a b c && mount -t overlay -o "
    script += "lowerdir=/,upperdir=a,workdir=b overlay c && unshare --net true"
    command = ["unshare", "--mount", "--pid", "--fork", "sh", "-c", script]
    return os.geteuid() == 0 and not subprocess.run(command, capture_output=True).returncode


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_what_is_printed_leads_to_an_answer_over_tls() -> None:
    if not overlays_are_permitted():
        pytest.skip("only root can make a copy of this machine, where the kernel lets it mount overlays")
    done = subprocess.run(
        [sys.executable, "-m", "tests.tools.install"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=1180,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    assert ',"address":"admin@example.edu","type":"email","position":1,' in done.stdout
    assert '{"ready": true, "problems": []}' in done.stdout
