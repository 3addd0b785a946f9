"""What an operator may expect of the web server's processes."""

from pathlib import Path

import psutil
import pytest

from tests.live import serve


@pytest.mark.django_db(transaction=True)
def test_processes_share_the_memory_of_what_is_imported(tmp_path: Path) -> None:
    with serve(tmp_path / "log", GRANIAN_WORKERS="2") as server:
        processes = psutil.Process(server.process.pid).children()
        used = [process.memory_full_info() for process in processes]
    assert len(used) == 2
    for memory in used:
        assert memory.uss < memory.rss / 2
