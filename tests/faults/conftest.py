import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Known where these tests are named in the command, as ``scripts/test --faults`` does."""
    parser.addoption("--long-faults", action="store_true", help="the long form: 2,000 requests")
    parser.addoption("--fault-seed", type=int, help="the seed of an earlier run")
