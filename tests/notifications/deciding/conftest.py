import pytest


@pytest.fixture(autouse=True)
def _committed() -> None:
    """These tests roll back what they write, jobs too."""
