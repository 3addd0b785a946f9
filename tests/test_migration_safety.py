"""Migrations can be applied while the version before them serves (see docs/operating.md)."""

import pytest
from django_migration_linter import MigrationLinter

from tests import ROOT


@pytest.mark.django_db(transaction=True)
def test_no_migration_stops_the_running_version() -> None:
    """It is the first ones that make the tables: nothing runs before them."""
    linter = MigrationLinter(
        str(ROOT),
        include_apps=["identity", "channels_api", "notifications"],
        ignore_name=["0001_initial"],
        all_warnings_as_errors=True,
        quiet=["ignore", "ok"],
        no_cache=True,
    )
    linter.lint_all_migrations()
    assert linter.nb_valid > 5
    assert not linter.has_errors, "what is printed above would break or block the version that still runs"
