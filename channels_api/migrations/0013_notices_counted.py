from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """What security notices are counted by; those before, which are of the last hour at most, count less.

    Without a lock on a table that may be large; so not in a transaction.
    """

    atomic = False

    dependencies = [
        ("channels_api", "0012_one_mailbox"),
    ]

    operations = [
        migrations.AddField(
            model_name="announcement",
            name="address_folded",
            field=models.CharField(
                db_default="",
                help_text="What addresses are compared by; empty in old rows.",
                max_length=320,
            ),
        ),
        AddIndexConcurrently(
            model_name="announcement",
            index=models.Index(fields=["address_folded", "-created_at"], name="announcement_to"),
        ),
        AddIndexConcurrently(
            model_name="announcement",
            index=models.Index(fields=["user", "-created_at"], name="announcement_of_user"),
        ),
    ]
