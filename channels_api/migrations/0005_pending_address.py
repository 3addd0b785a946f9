from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    """Neither reads nor rewrites the table: what is there already is checked by the next migration."""

    dependencies = [
        ("channels_api", "0004_delivery_indexes"),
    ]

    operations = [
        migrations.AlterField(
            model_name="communicationchannel",
            name="institutional",
            field=models.BooleanField(
                default=False,
                help_text="The institution imported this address, or an admin says that it is its own.",
            ),
        ),
        migrations.AddField(
            model_name="communicationchannel",
            name="pending_address",
            field=models.CharField(
                blank=True,
                help_text="The address that an active channel changes to once it is confirmed.",
                max_length=320,
                null=True,
            ),
        ),
        AddConstraintNotValid(
            model_name="communicationchannel",
            constraint=models.CheckConstraint(
                condition=models.Q(("pending_address", None), ("workflow_state", "active"), _connector="OR"),
                name="channel_pending_address_while_active",
            ),
        ),
    ]
