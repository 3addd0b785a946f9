from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Without a lock on tables that may be large; so not in a transaction."""

    atomic = False

    dependencies = [
        ("channels_api", "0002_bulk_actions"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="communicationchannel",
            index=models.Index(
                condition=models.Q(
                    ("workflow_state__in", ["unconfirmed", "active"]), ("bounce_count__gt", 0)
                ),
                fields=["last_bounce_at", "id"],
                name="channel_bouncing",
            ),
        ),
        AddIndexConcurrently(
            model_name="communicationchannel",
            index=models.Index(
                condition=models.Q(("workflow_state", "unconfirmed")),
                fields=["created_at", "id"],
                name="channel_unconfirmed",
            ),
        ),
        AddIndexConcurrently(
            model_name="pushdevice",
            index=models.Index(
                condition=models.Q(("workflow_state", "removed"), _negated=True),
                fields=["last_seen_at"],
                name="device_by_last_seen",
            ),
        ),
    ]
