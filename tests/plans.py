"""Whether PostgreSQL can find rows by an index, whatever it would choose for the few rows of a test."""

from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet

_ALONE = """
UPDATE pg_index SET indisvalid = (indexrelid = %(index)s::regclass)
WHERE indrelid = (SELECT indrelid FROM pg_index WHERE indexrelid = %(index)s::regclass)
"""
_LAST = ("seqscan", "bitmapscan", "sort")


def plan_with_only(index: str, rows: QuerySet[Any, Any]) -> str:
    """The plan where the table has no other index, and reading by one is preferred to all else."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_ALONE, {"index": index})
        for way in _LAST:
            cursor.execute(f"SET LOCAL enable_{way} = off")
        plan = rows.explain()
        transaction.set_rollback(True)
    return plan
