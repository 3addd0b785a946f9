"""Requests for a link to set a new password."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models


class PasswordReset(models.Model):
    """One request for a link to set a new password, kept a day: for the limits, and for the job.

    Whoever asks learns nothing: the row is written, and the job asked for, whether or not the login exists.
    """

    unique_id = models.CharField(max_length=255, help_text="The login that was typed, in lower case.")
    client = models.GenericIPAddressField(null=True, help_text="Who asked, as the lock-out knows a client.")
    sent_to = ArrayField(models.BigIntegerField(), default=list, help_text="Channels that have the link.")
    failure = models.TextField(blank=True, help_text="Why it could not be sent.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["unique_id", "created_at"], name="password_reset_by_login"),
            models.Index(fields=["created_at"], name="password_reset_by_age"),
            models.Index(fields=["client", "created_at"], name="password_reset_by_client"),
        ]

    def __str__(self) -> str:
        return f"password reset {self.pk}"
