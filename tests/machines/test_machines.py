"""Several machines: any may vanish, and what was accepted is done."""

import json
import os
import subprocess
import sys

import pytest

from tests import ROOT
from tests.programs import APART, need, need_namespaces

IN_FLIGHT = 4  # one a client


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_any_machine_may_vanish() -> None:
    need("ip")
    need("haproxy")
    need_namespaces()
    done = subprocess.run(
        [*APART, sys.executable, "-m", "tests.tools.machines"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    lost = [
        one
        for one in seen["failed"]
        if not any(one["started"] <= gone and began <= one["ended"] for began, gone in seen["vanished"])
    ]
    assert not lost, f"not in flight when a machine vanished: {seen['vanished']}"
    assert len(seen["failed"]) <= IN_FLIGHT * 2
    assert not seen["without a message"]
    assert seen["accepted"] > 50
