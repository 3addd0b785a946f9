from django.contrib.postgres.operations import (
    AddIndexConcurrently,
    RemoveIndexConcurrently,
    ValidateConstraint,
)
from django.db import migrations, models


class Migration(migrations.Migration):
    """Reads the table beside those who write to it; so each is a transaction of its own."""

    atomic = False

    dependencies = [
        ("notifications", "0011_failed_dispatches"),
    ]

    operations = [
        ValidateConstraint(model_name="dispatch", name="dispatch_workflow_state"),
        AddIndexConcurrently(
            model_name="dispatch",
            index=models.Index(
                condition=models.Q(("workflow_state__in", ["queued", "running", "failed"])),
                fields=["-id"],
                name="dispatch_undecided",
            ),
        ),
        RemoveIndexConcurrently(model_name="dispatch", name="dispatch_open"),
    ]
