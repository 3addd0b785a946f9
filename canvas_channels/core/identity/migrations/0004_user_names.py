import django.db.models.functions.comparison
import django.db.models.functions.text
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Without a lock on a table that may be large; so not in a transaction."""

    atomic = False

    dependencies = [
        ("identity", "0003_institution_email_first"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="user",
            index=models.Index(
                django.db.models.functions.comparison.Collate(
                    django.db.models.functions.text.Lower("name"), "C"
                ),
                name="user_by_name",
            ),
        ),
        AddIndexConcurrently(
            model_name="user",
            index=models.Index(
                django.db.models.functions.comparison.Collate(
                    django.db.models.functions.text.Lower("sortable_name"), "C"
                ),
                name="user_by_sortable_name",
            ),
        ),
    ]
