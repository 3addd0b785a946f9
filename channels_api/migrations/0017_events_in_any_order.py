from django.db import migrations, models


class Migration(migrations.Migration):
    """When channels bounced, and when SNS was last in line with a device; nothing is known of the past."""

    dependencies = [
        ("channels_api", "0016_kind_of_announcement"),
    ]

    operations = [
        migrations.AddField(
            model_name="communicationchannel",
            name="bounce_history",
            field=models.JSONField(
                db_default={}, default=dict, editable=False, help_text="What the columns above follow from."
            ),
        ),
        migrations.AddField(
            model_name="pushdevice",
            name="synced_at",
            field=models.DateTimeField(
                blank=True, help_text="When SNS was last found, or brought, in line with it.", null=True
            ),
        ),
    ]
