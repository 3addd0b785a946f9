"""What an institution's system said happened, and whom it is for."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from canvas_channels.core.identity.models import Account, DeveloperKey
from canvas_channels.core.outbox import BULK, Job
from canvas_channels.core.outgoing import Outgoing
from notifications.preferences.models import Notification


class Dispatch(Outgoing):
    """One call of ``POST accounts/:account_id/notifications`` (docs/contract.md, section 7).

    It is the request to decide who gets what of it. One that failed keeps what is decided.
    """

    class WorkflowState(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        COMPLETED = "completed"
        CANCELLED = "cancelled"
        FAILED = "failed"

    job = Job("notifications.fan_out", "dispatch", "dispatch_id", BULK)
    WAITING, DONE, DONE_AT = ("queued", "running"), "completed", "completed_at"

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+", db_index=False)
    notification = models.ForeignKey(Notification, on_delete=models.PROTECT, related_name="+", db_index=False)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="Who asked for it.",
    )
    developer_key = models.ForeignKey(
        DeveloperKey, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    idempotency_key = models.CharField(max_length=255, blank=True, default="")
    parameters_digest = models.CharField(
        max_length=64, blank=True, default="", help_text="SHA-256 of what came with the key."
    )
    subject = models.CharField(max_length=255)
    body = models.TextField()
    html_body = models.TextField(blank=True, help_text="Sanitised.")
    short = models.CharField(max_length=255, help_text="For push and SMS.")
    url = models.CharField(max_length=2048, blank=True)
    from_name = models.CharField(max_length=80, blank=True)
    course_id = models.BigIntegerField(null=True)
    course_name = models.CharField(max_length=255, blank=True)
    object_id = models.CharField(max_length=255, blank=True)
    workflow_state = models.CharField(
        max_length=16, choices=WorkflowState.choices, default=WorkflowState.QUEUED
    )
    recipients_count = models.PositiveIntegerField(help_text="As given, with those who are unknown.")
    unknown_count = models.PositiveIntegerField(default=0)
    unknown = models.JSONField(default=list, help_text="The first 100 who could not be found, as given.")
    withheld = models.JSONField(default=dict, help_text="By reason: people, or channels for some of them.")
    failure = models.TextField(blank=True, help_text="Why the fan-out could not be done.")
    created_at = models.DateTimeField(auto_now_add=True)
    completed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        app_label = "notifications"
        verbose_name_plural = "dispatches"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(workflow_state__in=["queued", "running", "completed", "cancelled", "failed"]),
                name="dispatch_workflow_state",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["account", "-id"], name="dispatch_of_account"),
            models.Index(fields=["created_at"], name="dispatch_by_age"),
            models.Index(
                fields=["idempotency_key", "created_at"],
                condition=~Q(idempotency_key=""),
                name="dispatch_by_key",
            ),
            models.Index(
                fields=["-id"],
                condition=Q(workflow_state__in=["queued", "running", "failed"]),
                name="dispatch_undecided",
            ),
        ]

    def __str__(self) -> str:
        return f"dispatch {self.pk}"


class DispatchRecipient(models.Model):
    """A user whom a dispatch is for; decided once, in the transaction that writes their messages."""

    dispatch = models.ForeignKey(
        Dispatch, on_delete=models.CASCADE, related_name="recipients", db_index=False
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    decided = models.BooleanField(default=False)

    class Meta:
        app_label = "notifications"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["dispatch", "user"], name="one_recipient_per_dispatch_and_user"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["dispatch", "id"], condition=Q(decided=False), name="recipient_undecided"),
        ]

    def __str__(self) -> str:
        return f"user {self.user_id} of dispatch {self.dispatch_id}"
