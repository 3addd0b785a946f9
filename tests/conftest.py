"""What every test shares. Rows come from ``tests.factories``."""

from collections.abc import Iterator

import pytest
from django.db import connections
from django.test import TransactionTestCase, override_settings

from tests import emptying, time_limits
from tests.live import server
from tests.redis_server import redis_server

__all__ = ["redis_server", "server"]


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(time_limits)  # a conftest's own hooks see no fixture of the session


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow ones wait for much: they come first, and none is left when the other core has no more to do.

    pytest-django comes after this: of those that do the same to the database, the slow ones are first.
    """
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures that tests recorded as a property, whichever process they ran in."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            found = dict(getattr(report, "user_properties", ()))
            if "figures" in found and report.when == "call":
                terminalreporter.section(f"figures of {report.nodeid}")
                terminalreporter.write_line(found["figures"])


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """A test may do nothing with its transaction for longer than the service, on a busy machine."""
    options = connections.databases["default"]["OPTIONS"]
    options["options"] += " -c idle_in_transaction_session_timeout=0"


@pytest.fixture(scope="session", autouse=True)
def _quick_emptying() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", emptying.empty)
        yield


@pytest.fixture(autouse=True)
def _quick_passwords_and_clients() -> Iterator[None]:
    """The real hash is slow on purpose, and each new client would look at every static file."""
    hashers = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    with override_settings(PASSWORD_HASHERS=hashers, WHITENOISE_AUTOREFRESH=True):
        yield
