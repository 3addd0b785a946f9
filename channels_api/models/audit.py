"""The audit trail's row."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from oauth2_provider.settings import oauth2_settings


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
    details = models.JSONField(default=dict, help_text="What changed; never an address or a token.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "audit entries"
        indexes: ClassVar = [models.Index(fields=["user", "-created_at"], name="audit_by_user")]

    def __str__(self) -> str:
        return f"{self.action} of channel {self.channel_id}"
