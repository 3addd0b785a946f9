import pytest
from pytest_django import Settings


@pytest.fixture(autouse=True)
def _every_host_is_allowed(settings: Settings) -> None:
    """As in a demo that somebody has listen to others: its own views look at the name themselves."""
    settings.ALLOWED_HOSTS = ["*"]
