"""Starting a stand-in of Canvas."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests import ROOT
from tests.notifications.canvas_import import canvas


@contextmanager
def serving(*arguments: str) -> Iterator[str]:
    """The stand-in's address; ``arguments`` are its own, how many people first."""
    process = subprocess.Popen(
        [sys.executable, "-m", canvas.__name__, *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.communicate()
