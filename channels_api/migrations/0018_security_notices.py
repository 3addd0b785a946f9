from collections.abc import Callable

from django.db import migrations
from django.db.migrations.state import StateApps


def rename_permissions(before: str, after: str) -> Callable[[StateApps, object], None]:
    def rename(apps: StateApps, schema_editor: object) -> None:
        """Whoever has them keeps them. A database that is new has none yet."""
        permissions = apps.get_model("auth", "Permission").objects.filter(
            content_type__app_label="channels_api", codename__endswith=f"_{before.replace(' ', '')}"
        )
        for permission in permissions:
            permission.codename = permission.codename.replace(before.replace(" ", ""), after.replace(" ", ""))
            permission.name = permission.name.replace(before, after)
            permission.save(update_fields=["codename", "name"])

    return rename


class Migration(migrations.Migration):
    """Only the name that Django knows: the table, its indexes and constraints are what they were.

    The content type follows by itself (``django.contrib.contenttypes``).
    """

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("channels_api", "0017_events_in_any_order"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.AlterModelTable(name="announcement", table="channels_api_announcement"),
        migrations.RenameModel(old_name="Announcement", new_name="SecurityNotice"),
        migrations.RunPython(
            rename_permissions("announcement", "security notice"),
            rename_permissions("security notice", "announcement"),
        ),
    ]
