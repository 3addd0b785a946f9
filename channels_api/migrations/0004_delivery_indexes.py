from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Without a lock on tables that may be large; so not in a transaction."""

    atomic = False

    dependencies = [
        ("channels_api", "0003_report_indexes"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="confirmation",
            index=models.Index(
                condition=models.Q(("workflow_state__in", ["requested", "failed"])),
                fields=["-id"],
                name="confirmation_unsent",
            ),
        ),
        AddIndexConcurrently(
            model_name="pushdevice",
            index=models.Index(
                condition=models.Q(("endpoint_arn", ""), _negated=True),
                fields=["endpoint_arn"],
                name="device_by_endpoint",
            ),
        ),
        AddIndexConcurrently(
            model_name="pushdevice",
            index=models.Index(
                condition=models.Q(
                    ("workflow_state__in", ["pending", "failed"]),
                    models.Q(("failure", ""), _negated=True),
                    _connector="OR",
                ),
                fields=["-id"],
                name="device_out_of_line",
            ),
        ),
    ]
