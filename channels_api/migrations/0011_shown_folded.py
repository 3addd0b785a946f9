from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Without a lock on a table that may be large; so not in a transaction."""

    atomic = False

    dependencies = [
        ("channels_api", "0010_device_checked"),
    ]

    operations = [
        migrations.AlterField(
            model_name="communicationchannel",
            name="address_folded",
            field=models.CharField(
                editable=False,
                help_text="What makes two addresses the same: case-folded, a domain in its ASCII form by IDNA 2008.",
                max_length=960,
            ),
        ),
        migrations.AddField(
            model_name="communicationchannel",
            name="shown_folded",
            field=models.CharField(
                editable=False,
                help_text="The address as it is shown, case-folded, where that is another text: for searches.",
                max_length=960,
                null=True,
            ),
        ),
        AddIndexConcurrently(
            model_name="communicationchannel",
            index=models.Index(
                condition=models.Q(("shown_folded__isnull", False)),
                fields=["shown_folded"],
                name="channel_by_shown_address",
            ),
        ),
        AddIndexConcurrently(
            model_name="communicationchannel",
            index=models.Index(
                condition=models.Q(
                    ("address__regex", '^"|[^ -~]'), ("pending_address__regex", '^"|[^ -~]'), _connector="OR"
                ),
                fields=["user"],
                name="channel_spelled_otherwise",
            ),
        ),
    ]
