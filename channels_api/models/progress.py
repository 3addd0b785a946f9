"""The rows of work that outlives a request: its progress, and what an import has still to do."""

from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from oauth2_provider.settings import oauth2_settings

from canvas_channels.core.identity.callers import Caller
from canvas_channels.core.outbox import Job
from canvas_channels.core.outgoing import Outgoing, OutgoingQuerySet

ABANDONED = {"attribute": "row", "type": "abandoned", "message": "was not done: the import ended before it"}


class ProgressQuerySet(OutgoingQuerySet["Progress"]):
    def retryable(self) -> Self:
        """Not an import that failed: it has forgotten what was still to do."""
        return self.undelivered().exclude(tag="communication_channel_import", workflow_state="failed")

    @transaction.atomic
    def mark_failed(self, row_id: int, reason: str, *, final: bool = True) -> None:
        """The remaining rows of an import fail with it, and their data is forgotten."""
        self.waiting().filter(pk=row_id).update(updated_at=timezone.now())
        super().mark_failed(row_id, reason, final=final)
        if final:
            rest = ImportRow.objects.filter(progress=row_id, result__isnull=True)
            rest.update(data={}, result={"status": "failed", "errors": [ABANDONED]})


class Progress(Outgoing):
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
    WAITING, DONE, DONE_AT = ("queued", "running"), "completed", "updated_at"

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
    message = models.TextField(blank=True, help_text="How far it is, for a person.")
    failure = models.TextField(blank=True, default="", db_default="", help_text="Why it could not be done.")
    details = models.JSONField(default=dict, help_text="What is to be done, by ids; never an address.")
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar = ProgressQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "progress"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(workflow_state__in=["queued", "running", "completed", "failed"]),
                name="progress_workflow_state",
            ),
            models.CheckConstraint(condition=Q(completion__lte=100), name="progress_completion_per_cent"),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["-id"],
                condition=Q(workflow_state__in=["queued", "running", "failed"]),
                name="progress_undone",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tag} {self.pk}"

    @property
    def said(self) -> str:
        """What clients read as the message: why it failed comes before how far it is."""
        return self.failure or self.message

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
