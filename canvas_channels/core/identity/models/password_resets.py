"""Requests for a link to set a new password."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from canvas_channels.core.outbox import Job
from canvas_channels.core.outgoing import Outgoing


class PasswordReset(Outgoing):
    """One request for a link to set a new password, kept a day: for the limits, and for the job.

    The client learns nothing: the row is written, and the job asked for, whether or not the login exists.
    """

    class WorkflowState(models.TextChoices):
        REQUESTED = "requested"
        SENT = "sent"
        FAILED = "failed"

    job = Job("notifications.send_password_reset", "password_reset", "reset_id")

    unique_id = models.CharField(max_length=255, help_text="The login that was typed, in lower case.")
    client = models.GenericIPAddressField(null=True, help_text="Who asked, as the lock-out knows a client.")
    sent_to = ArrayField(models.BigIntegerField(), default=list, help_text="Channels that have the link.")
    workflow_state = models.CharField(
        max_length=16,
        choices=WorkflowState.choices,
        default=WorkflowState.REQUESTED,
        db_default=WorkflowState.REQUESTED,
    )
    sent_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["unique_id", "created_at"], name="password_reset_by_login"),
            models.Index(fields=["created_at"], name="password_reset_by_age"),
            models.Index(fields=["client", "created_at"], name="password_reset_by_client"),
            models.Index(
                fields=["-id"],
                condition=Q(workflow_state__in=["requested", "failed"]),
                name="password_reset_unsent",
            ),
        ]

    def __str__(self) -> str:
        return f"password reset {self.pk}"
