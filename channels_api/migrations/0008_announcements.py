import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("channels_api", "0007_refusals"),
        ("identity", "0004_user_names"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Announcement",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("type", models.CharField(max_length=8)),
                ("address", models.CharField(max_length=320)),
                ("about_type", models.CharField(max_length=8)),
                ("about", models.CharField(help_text="The confirmed address, masked.", max_length=320)),
                (
                    "replaced",
                    models.BooleanField(help_text="The confirmed address took the place of this one."),
                ),
                (
                    "workflow_state",
                    models.CharField(
                        choices=[("requested", "Requested"), ("sent", "Sent"), ("failed", "Failed")],
                        default="requested",
                        max_length=16,
                    ),
                ),
                ("failure", models.TextField(blank=True, help_text="Why it could not be sent.")),
                ("sent_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True, db_index=True)),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        help_text="Whose budget pays for it, where it is a text message.",
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="identity.account",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("workflow_state__in", ["requested", "failed"])),
                        fields=["-id"],
                        name="announcement_unsent",
                    ),
                    models.Index(
                        condition=models.Q(("type", "sms")),
                        fields=["account", "-created_at"],
                        name="announcement_texts",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("type__in", ["email", "sms"])), name="announcement_type"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("workflow_state__in", ["requested", "sent", "failed"])),
                        name="announcement_workflow_state",
                    ),
                ],
            },
        ),
    ]
