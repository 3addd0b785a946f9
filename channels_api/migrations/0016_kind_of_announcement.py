from django.db import migrations, models


class Migration(migrations.Migration):
    """What an announcement is about; those of the version before are about addresses."""

    dependencies = [
        ("channels_api", "0015_origin_of_addresses"),
    ]

    operations = [
        migrations.AddField(
            model_name="announcement",
            name="kind",
            field=models.CharField(
                choices=[("address", "Address"), ("password", "Password"), ("login", "Login")],
                db_default="address",
                default="address",
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="announcement",
            name="about",
            field=models.CharField(blank=True, help_text="The new address or login, masked.", max_length=320),
        ),
        migrations.AlterField(
            model_name="announcement",
            name="about_type",
            field=models.CharField(blank=True, max_length=8),
        ),
        migrations.AlterField(
            model_name="announcement",
            name="replaced",
            field=models.BooleanField(default=False, help_text="The new address took the place of this one."),
        ),
    ]
