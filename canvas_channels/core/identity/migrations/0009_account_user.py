from collections.abc import Callable

from django.db import migrations
from django.db.migrations.state import StateApps


def rename_permissions(before: str, after: str) -> Callable[[StateApps, object], None]:
    def rename(apps: StateApps, schema_editor: object) -> None:
        """Users and groups keep their permissions. A new database has none yet."""
        old, new = before.replace(" ", ""), after.replace(" ", "")
        permissions = apps.get_model("auth", "Permission").objects
        for permission in permissions.filter(
            content_type__app_label="identity", codename__endswith=f"_{old}"
        ):
            permission.codename = permission.codename.replace(old, new)
            permission.name = permission.name.replace(before, after)
            permission.save(update_fields=["codename", "name"])

    return rename


class Migration(migrations.Migration):
    """Changes only the model's name: the table and its constraint stay as they are.

    ``django.contrib.contenttypes`` renames the content type.
    """

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("identity", "0008_sending"),
    ]

    operations = [
        migrations.AlterModelTable(name="accountadmin", table="identity_accountadmin"),
        migrations.RenameModel(old_name="AccountAdmin", new_name="AccountUser"),
        migrations.RunPython(
            rename_permissions("account admin", "account user"),
            rename_permissions("account user", "account admin"),
        ),
    ]
