"""How the database is emptied after a test that commits.

Django's ``flush`` truncates, which makes new files of every table and index, and then makes content types
and permissions anew: ten times the work of deleting what is there. Both stay here, as a server that runs
meanwhile knows their ids from the first use on. As TRUNCATE does, it waits for others' transactions.
"""

from django.db import connection
from django.test import TransactionTestCase

KEPT = ("django_migrations", "django_content_type", "auth_permission")
EMPTY = f"""
DO $$
DECLARE one regclass;
BEGIN
    FOR one IN SELECT oid FROM pg_class
        WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname NOT IN {KEPT}
    LOOP
        EXECUTE format('LOCK TABLE %s', one);
        EXECUTE format('DELETE FROM %s', one);
    END LOOP;
END $$
"""


def empty(test_case: TransactionTestCase) -> None:
    """Stands for ``TransactionTestCase._fixture_teardown``; empties the queue's tables too."""
    with connection.cursor() as cursor:
        cursor.execute(EMPTY)
