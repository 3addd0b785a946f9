"""Programs of Debian that some tests need."""

import os
import shutil

import pytest


def need(program: str) -> None:
    """Skip where it is missing; fail on CI, where a test that is skipped counts as missing."""
    if shutil.which(program) is None:
        refuse = pytest.fail if os.environ.get("CI") else pytest.skip
        refuse(f"{program} is not installed (.ci/run installs it)")
