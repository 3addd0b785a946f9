from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Neither reads nor rewrites a table, nor locks one for long; so not in a transaction."""

    atomic = False

    dependencies = [
        ("channels_api", "0006_pending_address_valid"),
    ]

    operations = [
        migrations.AddField(
            model_name="confirmation",
            name="refused_at",
            field=models.DateTimeField(
                blank=True, help_text="When whoever was sent it said that it was not them.", null=True
            ),
        ),
        migrations.AddField(
            model_name="confirmationcode",
            name="refusal_digest",
            field=models.CharField(blank=True, db_default="", default="", max_length=64),
        ),
        AddIndexConcurrently(
            model_name="confirmationcode",
            index=models.Index(fields=["refusal_digest"], name="code_by_refusal"),
        ),
    ]
