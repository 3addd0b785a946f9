import django.db.models.deletion
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """The account whose budget pays for a text message, so that an index finds the day's; those before have none.

    Without a lock on a table that may be large; so not in a transaction.
    """

    atomic = False

    dependencies = [
        ("identity", "0004_user_names"),
        ("channels_api", "0008_announcements"),
    ]

    operations = [
        migrations.AddField(
            model_name="confirmation",
            name="account",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                help_text="Whose budget pays for it, where it is a text message.",
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="identity.account",
            ),
        ),
        AddIndexConcurrently(
            model_name="confirmation",
            index=models.Index(
                condition=models.Q(("account__isnull", False)),
                fields=["account", "-created_at"],
                name="confirmation_texts",
            ),
        ),
    ]
