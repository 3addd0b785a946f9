from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("channels_api", "0009_account_of_texts"),
    ]

    operations = [
        migrations.AddField(
            model_name="pushdevice",
            name="checked_at",
            field=models.DateTimeField(
                blank=True, help_text="When its app last had us look at it in SNS.", null=True
            ),
        ),
    ]
