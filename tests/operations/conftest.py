import pytest

from canvas_channels.operations import queue
from tests.notifications.conftest import _committed, mailbox

__all__ = ["_committed", "mailbox"]


@pytest.fixture(autouse=True)
def _no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at the queue is a fresh one."""
    monkeypatch.setattr(queue, "KEPT_SECONDS", -1)
