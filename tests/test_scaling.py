"""docs/scaling.md, which says of each table how it would be distributed."""

from django.apps import apps

from tests import ROOT


def test_every_table_is_named() -> None:
    text = (ROOT / "docs" / "scaling.md").read_text()
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    named = [name.strip("` ") for row in rows for name in row.split(",")]
    tables = {model._meta.db_table for model in apps.get_models(include_auto_created=True)}
    assert sorted(named) == sorted(tables)
