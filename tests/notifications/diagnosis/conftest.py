from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.notifications.conftest import authority, sns
from tests.notifications.providers import answering

__all__ = ["authority", "sns"]


@pytest.fixture
def http_answers() -> Iterator[Callable[[int, bytes], str]]:
    """Starts servers that give one answer to everything; called with it, says where."""
    with ExitStack() as servers:
        yield lambda status, body: servers.enter_context(answering(status, body))
