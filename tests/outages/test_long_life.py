"""The short form of ``scripts/benchmark soak``: nothing grows with requests and jobs."""

import shutil
import tempfile
from pathlib import Path

import pytest

from canvas_channels.demo import postgres_files
from canvas_channels.demo.postgres import EmbeddedPostgres
from tests.live import environment
from tests.outages.conftest import copy_to
from tests.tools.benchmarks import deliveries
from tests.tools.benchmarks.seed import seed
from tests.tools.benchmarks.soak import Spare, soak

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def test_memory_files_and_connections_stay_as_they_are() -> None:
    folder = Path(tempfile.mkdtemp(prefix="test-long-life-"))
    folder.chmod(0o711)  # PostgreSQL's account may pass through
    try:
        with EmbeddedPostgres(folder / "postgres", durable=False) as postgres:
            copy_to(postgres.url())
            seed(postgres.url(), 300)
            deliveries.prepare(postgres.url())
            # After so few requests not every thread has been needed; what leaks would be 800 by then.
            spare = Spare(memory=1.15, files=60, connections=16)
            soak(environment("http://127.0.0.1", postgres.url()), 2, 400, spare)
    finally:
        postgres_files.remove_data(folder / "postgres")
        shutil.rmtree(folder)
