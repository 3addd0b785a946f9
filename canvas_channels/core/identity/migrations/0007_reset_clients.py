from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Without a lock on a table that may be large; so not in a transaction."""

    atomic = False

    dependencies = [
        ("identity", "0006_time_zone"),
    ]

    operations = [
        migrations.AddField(
            model_name="passwordreset",
            name="client",
            field=models.GenericIPAddressField(
                help_text="Who asked, as the lock-out knows a client.", null=True
            ),
        ),
        AddIndexConcurrently(
            model_name="passwordreset",
            index=models.Index(fields=["client", "created_at"], name="password_reset_by_client"),
        ),
    ]
