from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    """A dispatch may have failed for good. The table is not read: what is there is checked by the next one."""

    dependencies = [
        ("notifications", "0010_queue_at_scale"),
    ]

    operations = [
        migrations.AlterField(
            model_name="dispatch",
            name="workflow_state",
            field=models.CharField(
                choices=[
                    ("queued", "Queued"),
                    ("running", "Running"),
                    ("completed", "Completed"),
                    ("cancelled", "Cancelled"),
                    ("failed", "Failed"),
                ],
                default="queued",
                max_length=16,
            ),
        ),
        migrations.RemoveConstraint(model_name="dispatch", name="dispatch_workflow_state"),
        AddConstraintNotValid(
            model_name="dispatch",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("workflow_state__in", ["queued", "running", "completed", "cancelled", "failed"])
                ),
                name="dispatch_workflow_state",
            ),
        ),
    ]
