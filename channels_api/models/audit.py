"""The audit trail's row."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from oauth2_provider.settings import oauth2_settings


class Details(models.JSONField):
    """What changed. Rows of the versions that called a ``reason`` ``because`` read as those of this one."""

    def from_db_value(self, value: Any, *args: Any) -> Any:
        details = super().from_db_value(value, *args)
        if isinstance(details, dict) and "because" in details:
            return {"reason" if name == "because" else name: said for name, said in details.items()}
        return details

    def deconstruct(self) -> Any:
        """A plain field to migrations: the column is one."""
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.JSONField", args, kwargs


class AuditEntry(models.Model):
    """What was done to a user's channels: by whom, acting as whom, from which key. Never changed."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        db_index=False,
    )
    channel = models.ForeignKey(
        "channels_api.CommunicationChannel", null=True, on_delete=models.SET_NULL, related_name="+"
    )
    action = models.CharField(max_length=32)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    acting_as = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    developer_key = models.ForeignKey(
        oauth2_settings.APPLICATION_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    details = Details(default=dict, help_text="What changed; never an address or a token.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "audit entries"
        indexes: ClassVar = [models.Index(fields=["user", "-created_at"], name="audit_by_user")]

    def __str__(self) -> str:
        return f"{self.action} of channel {self.channel_id}"
