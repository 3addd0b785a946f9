import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Known where these tests are named in the command, as ``scripts/test --failover`` does."""
    parser.addoption("--long-failover", action="store_true", help="the long form, of ten rounds")
