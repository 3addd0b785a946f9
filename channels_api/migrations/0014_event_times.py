from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("channels_api", "0013_notices_counted"),
    ]

    operations = [
        migrations.AddField(
            model_name="communicationchannel",
            name="last_delivery_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="communicationchannel",
            name="bounce_count_reset_at",
            field=models.DateTimeField(
                blank=True,
                help_text="When its bounces were last forgotten: older ones do not count.",
                null=True,
            ),
        ),
    ]
