from typing import Any

from django.db import migrations

from channels_api.channels.spellings import settle


def settle_all(apps: Any, schema_editor: Any) -> None:
    settle(apps)


class Migration(migrations.Migration):
    """User by user, each in a transaction of their own: an interrupted one goes on where it stopped.

    What the version before writes meanwhile is settled by the worker's periodic job.
    """

    atomic = False

    dependencies = [
        ("channels_api", "0011_shown_folded"),
        ("identity", "0004_user_names"),
    ]

    operations = [
        migrations.RunPython(settle_all, migrations.RunPython.noop),
    ]
