"""Versions: changelog, package and the commits that are written down agree."""

import re
import subprocess
import tomllib
from datetime import date

import pytest

import canvas_channels
from tests import ROOT
from tests.documents import read

RELEASES: dict[str, str] = tomllib.loads(read("docs/releases.toml"))
VERSIONS = dict(re.findall(r"^## \[(\d+\.\d+\.\d+)\] - (\S+)$", read("CHANGELOG.md"), re.MULTILINE))


def git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_package_has_the_newest_version_of_the_changelog() -> None:
    newest = next(iter(VERSIONS))
    assert canvas_channels.__version__ == newest
    assert read("CHANGELOG.md").index("## [Unreleased]") < read("CHANGELOG.md").index(f"## [{newest}]")


@pytest.mark.parametrize("version", VERSIONS)
def test_versions_have_dates(version: str) -> None:
    assert date.fromisoformat(VERSIONS[version]) >= date(2026, 11, 28)


def test_there_is_a_release() -> None:
    assert RELEASES


@pytest.mark.parametrize("version", RELEASES)
def test_the_commit_of_a_release_is_in_the_history(version: str) -> None:
    assert version in VERSIONS
    assert re.fullmatch(r"[0-9a-f]{40}", RELEASES[version])
    if git("rev-parse", "--is-shallow-repository").stdout.strip() != "false":
        pytest.skip("a shallow clone, or no clone, has no history to look in")
    found = git("merge-base", "--is-ancestor", RELEASES[version], "HEAD")
    assert found.returncode == 0, found.stderr
