"""The database's primary is lost under load, and no accepted request is.

``scripts/test --failover`` runs the long form.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests import ROOT
from tests.programs import APART, need, need_namespaces
from tests.tools.failover.cluster import programs

LIMIT = 30  # seconds without service; not for the short form, which has no machine to itself


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_nothing_is_lost_with_the_primary(
    request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> None:
    for program in ("ip", "haproxy", "etcd", "patroni", str(programs() / "postgres")):
        need(program)
    need_namespaces()
    long = request.config.getoption("--long-failover", False)
    done = subprocess.run(
        [*APART, sys.executable, "-m", "tests.tools.failover", "long" if long else "short"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        timeout=1700 if long else 500,
        check=False,
    )
    assert done.returncode == 0
    seen = json.loads(done.stdout.splitlines()[-1])
    record_property("figures", json.dumps(seen, indent=2))  # the time without service, too
    assert seen["refused"] == []
    assert seen["unanswered"] == []
    assert seen["lost"] == []
    assert seen["stuck"] == []
    assert seen["misplaced"] == []
    assert seen["doubled"] <= seen["interrupted"]
    assert seen["ended by themselves"] == {}
    assert not {"404", "500"} & (seen["creates that failed"].keys() | seen["lists"].keys())
    if long:
        assert all(seconds < LIMIT for one in seen["rounds"] for seconds in one["without_service"].values())
