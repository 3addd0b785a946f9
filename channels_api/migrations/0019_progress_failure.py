from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Why it could not be done, beside how far it is; where the version before says why is left."""

    atomic = False  # the index is built while the service runs

    dependencies = [
        ("channels_api", "0018_security_notices"),
    ]

    operations = [
        migrations.AddField(
            model_name="progress",
            name="failure",
            field=models.TextField(
                blank=True, db_default="", default="", help_text="Why it could not be done."
            ),
        ),
        migrations.AlterField(
            model_name="progress",
            name="message",
            field=models.TextField(blank=True, help_text="How far it is, for a person."),
        ),
        AddIndexConcurrently(
            model_name="progress",
            index=models.Index(
                condition=models.Q(("workflow_state__in", ["queued", "running", "failed"])),
                fields=["-id"],
                name="progress_undone",
            ),
        ),
    ]
