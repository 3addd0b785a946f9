"""What the wheel holds: all that the service needs, and no demo."""

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests import ROOT
from tests.test_settings import NEEDED


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    built = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(built, cwd=ROOT, check=True, capture_output=True, timeout=60)
    [wheel] = folder.glob("*.whl")
    with ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_what_is_committed_is_in_it_but_the_demo(installed: Path) -> None:
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed += ["canvas_channels", "channels_api", "notifications"]
    committed = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60)
    wanted = {name for name in committed.stdout.split() if not name.startswith("canvas_channels/demo/")}
    found = {str(path.relative_to(installed)) for path in installed.rglob("*") if path.is_file()}
    assert "canvas_channels/locale/de/LC_MESSAGES/django.mo" in wanted
    assert {name for name in found if ".dist-info/" not in name} == wanted


def test_a_demo_wants_a_checkout(installed: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", "from canvas_channels import environment"],
        cwd=installed,
        env=NEEDED | {"DEMO": "true", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (result.returncode, result.stdout) == (1, "")
    assert "DEMO" in result.stderr
    assert "needs a checkout" in result.stderr
    assert len(result.stderr.splitlines()) == 1
