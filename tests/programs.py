"""Programs of Debian that some tests need, and namespaces of the kernel."""

import os
import shutil
import subprocess

import pytest

# The command that follows has a network to itself, and nothing that it started outlives it. A shell is the
# first process, which waits for those that nobody else waits for.
APART = ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
APART += ["sh", "-c", '"$@"; exit $?', "sh"]


def need(program: str) -> None:
    """Skip where it is missing; fail on CI, where a test that is skipped counts as missing."""
    if shutil.which(program) is None:
        refuse = pytest.fail if os.environ.get("CI") else pytest.skip
        refuse(f"{program} is not installed (.ci/run installs it)")


def need_namespaces() -> None:
    """Skip where the kernel lets nobody make what stands for machines in some tests."""
    command = [*APART, "sh", "-c", "ip link add name rack type bridge && unshare --net true"]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this kernel lets nobody make network namespaces, which stand for machines here")
