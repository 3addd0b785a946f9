from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    """Reads the table beside those who write to it; so in a transaction of its own."""

    dependencies = [
        ("channels_api", "0005_pending_address"),
    ]

    operations = [
        ValidateConstraint(model_name="communicationchannel", name="channel_pending_address_while_active"),
    ]
