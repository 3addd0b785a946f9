import django.db.models.deletion
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """``html_body`` stays in the table till no version that runs may write it: nothing reads it."""

    atomic = False  # indexes are built while the service runs

    dependencies = [
        ("identity", "0010_password_reset_states"),
        ("notifications", "0007_message_frames"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.RemoveField("message", "html_body")],
            database_operations=[
                migrations.RunSQL(
                    "ALTER TABLE notifications_message ALTER COLUMN html_body SET DEFAULT ''",
                    "ALTER TABLE notifications_message ALTER COLUMN html_body DROP DEFAULT",
                )
            ],
        ),
        migrations.AddField(
            "message",
            "text_account",
            models.ForeignKey(
                db_index=False,
                help_text="Whose budget pays for it, where it is a text message.",
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="identity.account",
            ),
        ),
        AddIndexConcurrently(
            "message",
            models.Index(
                condition=models.Q(("text_account__isnull", False)),
                fields=["text_account", "-created_at"],
                name="message_texts_of_account",
            ),
        ),
        RemoveIndexConcurrently("message", "message_texts"),
    ]
