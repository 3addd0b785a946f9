"""What every test shares. Rows come from ``tests.factories``."""

from collections.abc import Iterator

import pytest
from django.test import TransactionTestCase, override_settings

from tests import emptying, time_limits
from tests.live import server
from tests.redis_server import redis_server

__all__ = ["redis_server", "server"]


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(time_limits)  # a conftest's own hooks see no fixture of the session


@pytest.fixture(scope="session", autouse=True)
def _quick_emptying() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", emptying.empty)
        yield


@pytest.fixture(autouse=True)
def _quick_passwords() -> Iterator[None]:
    """The real hash is slow on purpose; tests do not need that."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield
