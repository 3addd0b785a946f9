from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Requests of the version before, whose jobs may still wait, wait too: a day later they are gone.

    Without a lock on a table that may be large; so not in a transaction.
    """

    atomic = False

    dependencies = [
        ("identity", "0009_account_user"),
    ]

    operations = [
        migrations.AddField(
            model_name="passwordreset",
            name="workflow_state",
            field=models.CharField(
                choices=[("requested", "Requested"), ("sent", "Sent"), ("failed", "Failed")],
                db_default="requested",
                default="requested",
                max_length=16,
            ),
        ),
        migrations.AddField(
            model_name="passwordreset",
            name="sent_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        AddIndexConcurrently(
            model_name="passwordreset",
            index=models.Index(
                condition=models.Q(("workflow_state__in", ["requested", "failed"])),
                fields=["-id"],
                name="password_reset_unsent",
            ),
        ),
    ]
