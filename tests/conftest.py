"""What every test shares. Rows come from ``tests.factories``."""

import pytest
from pytest_django import Settings

from tests.live import server
from tests.redis_server import redis_server

__all__ = ["redis_server", "server"]


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Settings) -> None:
    """The real hash is slow on purpose; tests do not need that."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
