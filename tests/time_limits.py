"""Hooks for pytest: what is made once for all tests, such as the database, has a time limit of its own.

It would else count as time of the test that happens to come first: on a busy machine that one failed, or all
of them, since none is given what could not be made.
"""

from collections.abc import Generator
from typing import Any

import pytest

SECONDS = 1_200.0
_TIMED = pytest.StashKey[tuple[pytest.Item, Any]]()


@pytest.hookimpl(tryfirst=True)
def pytest_timeout_set_timer(item: pytest.Item, settings: Any) -> None:
    item.config.stash[_TIMED] = item, settings


@pytest.hookimpl(tryfirst=True)
def pytest_timeout_cancel_timer(item: pytest.Item) -> None:
    if _TIMED in item.config.stash:
        del item.config.stash[_TIMED]


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, Any, Any]:
    config = request.config
    if fixturedef.scope != "session" or _TIMED not in config.stash:
        return (yield)
    item, settings = config.stash[_TIMED]
    _restart(item, settings._replace(timeout=SECONDS))
    try:
        return (yield)
    finally:
        _restart(item, settings)


def _restart(item: pytest.Item, settings: Any) -> None:
    hook = item.config.pluginmanager.hook
    hook.pytest_timeout_cancel_timer(item=item)
    hook.pytest_timeout_set_timer(item=item, settings=settings)
