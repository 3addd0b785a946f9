"""The rows of work that outlives a request: its progress, and what an import has still to do."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from oauth2_provider.settings import oauth2_settings

from canvas_channels.core.identity.callers import Caller
from canvas_channels.core.outbox import Job


class Progress(models.Model):
    """How far a job has come (Canvas's Progress). Who asked is kept: the job does what they may do."""

    class Tag(models.TextChoices):
        IMPORT = "communication_channel_import"
        RESET = "bounce_count_reset"

    class WorkflowState(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        COMPLETED = "completed"
        FAILED = "failed"

    job = Job("notifications.run_progress", "progress", "progress_id")

    account = models.ForeignKey("identity.Account", on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.CASCADE,  # never null for want of a user: that would be more rights
        related_name="+",
        help_text="With whose rights it is done; empty for the service itself.",
    )
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text="Who really asked, where they acted as the user.",
    )
    developer_key = models.ForeignKey(
        oauth2_settings.APPLICATION_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    tag = models.CharField(max_length=64, choices=Tag.choices)
    workflow_state = models.CharField(
        max_length=16, choices=WorkflowState.choices, default=WorkflowState.QUEUED
    )
    completion = models.PositiveSmallIntegerField(default=0, help_text="Per cent.")
    message = models.TextField(blank=True)
    details = models.JSONField(default=dict, help_text="What is to be done, by ids; never an address.")
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "progress"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(workflow_state__in=["queued", "running", "completed", "failed"]),
                name="progress_workflow_state",
            ),
            models.CheckConstraint(condition=Q(completion__lte=100), name="progress_completion_per_cent"),
        ]

    def __str__(self) -> str:
        return f"{self.tag} {self.pk}"

    def caller(self) -> Caller | None:
        """Who asked, with the rights that they have now; None: the service itself."""
        if self.user is None:
            return None
        return Caller(self.user, self.actor or self.user, key=self.developer_key)


class ImportRow(models.Model):
    """One row of an import. ``result`` null: still to be done; ``data`` is forgotten once it is."""

    progress = models.ForeignKey(Progress, on_delete=models.CASCADE, related_name="rows", db_index=False)
    number = models.PositiveIntegerField(help_text="From 1, the header not counted.")
    data: Any = models.JSONField(default=dict)
    result: Any = models.JSONField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["progress", "number"], name="one_import_row_per_number"),
        ]

    def __str__(self) -> str:
        return f"row {self.number} of import {self.progress_id}"
