import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from canvas_channels.demo import postgres_files


def pytest_addoption(parser: pytest.Parser) -> None:
    """Known where these tests are named in the command, as ``scripts/test --faults`` does."""
    parser.addoption("--long-faults", action="store_true", help="the long form, of 2,000 requests")
    parser.addoption("--fault-seed", type=int, help="the seed of an earlier run")


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """For PostgreSQL, whose account may pass through the folder, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="test-faults-"))
    folder.chmod(0o711)
    yield folder / "postgres"
    postgres_files.remove_data(folder / "postgres")
    shutil.rmtree(folder)
