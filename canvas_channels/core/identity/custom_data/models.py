"""What clients keep of a user for themselves."""

from typing import ClassVar

from django.conf import settings
from django.db import models


class CustomData(models.Model):
    """What one app keeps of a user, under a namespace of its own."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="custom_data", db_index=False
    )
    namespace = models.CharField(max_length=255)
    data = models.TextField(
        help_text="JSON as it was sent: jsonb knows no NUL, and would reorder keys and rewrite numbers."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "custom data"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "namespace"], name="one_custom_data_per_namespace"),
        ]

    def __str__(self) -> str:
        return f"custom data {self.pk}"
