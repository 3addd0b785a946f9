"""The row of a push device."""

from collections.abc import Collection
from typing import ClassVar, Self

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from oauth2_provider.settings import oauth2_settings

from canvas_channels.core.outbox import Job
from canvas_channels.core.outgoing import Outgoing, OutgoingQuerySet

UNSYNCED = Q(workflow_state__in=["pending", "failed"]) | ~Q(failure="")


class PushDeviceQuerySet(OutgoingQuerySet["PushDevice"]):
    """SNS is brought in line with a device whatever its state, and that may fail."""

    def undelivered(self) -> Self:
        return self.filter(UNSYNCED)

    def mark_failed(self, row_id: int, reason: str, *, final: bool = True) -> None:
        devices = self.filter(pk=row_id)
        devices.exclude(failure=reason).update(failure=reason)
        if final:
            live = devices.filter(workflow_state__in=["pending", "registered"])
            live.update(workflow_state="failed", updated_at=timezone.now())

    def mark_dead(self, reason: str) -> None:
        """Nothing reaches them until their apps register again, with tokens that work."""
        self.update(workflow_state="failed", failure=reason, updated_at=timezone.now())

    def mark_unsynced(self) -> int:
        """Nothing reaches them until SNS is in line with them; returns how many."""
        return self.update(workflow_state="pending", updated_at=timezone.now())

    @transaction.atomic
    def retry(self, row_ids: Collection[int]) -> int:
        found = [row.pk for row in self.select_for_update().filter(pk__in=row_ids).order_by("pk")]
        failed = PushDevice.objects.filter(pk__in=found, workflow_state="failed")
        failed.update(workflow_state="pending", failure="", updated_at=timezone.now())
        PushDevice.job.ask_again(found)
        return len(found)


class PushDevice(Outgoing):
    """A device that a user registered under a developer key; the worker brings SNS in line with it."""

    class WorkflowState(models.TextChoices):
        PENDING = "pending"
        REGISTERED = "registered"
        FAILED = "failed"
        REMOVED = "removed"

    job = Job("notifications.sync_device", "device", "device_id")
    WAITING, DONE, DONE_AT = ("pending",), "registered", "synced_at"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="push_devices")
    developer_key = models.ForeignKey(
        oauth2_settings.APPLICATION_MODEL,
        on_delete=models.PROTECT,
        related_name="push_devices",
    )
    token = models.CharField(max_length=4096)
    token_digest = models.CharField(
        max_length=64,
        help_text="SHA-256 of the token in lower case: a token may be too long for an index.",
    )
    endpoint_arn = models.CharField(max_length=512, blank=True)
    workflow_state = models.CharField(
        max_length=16, choices=WorkflowState.choices, default=WorkflowState.PENDING
    )
    failure = models.TextField(blank=True, help_text="Why SNS did not take it.")
    last_seen_at = models.DateTimeField()
    checked_at = models.DateTimeField(
        null=True, blank=True, help_text="When its app last had us look at it in SNS."
    )
    synced_at = models.DateTimeField(
        null=True, blank=True, help_text="When SNS was last found, or brought, in line with it."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar = PushDeviceQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["developer_key", "token_digest"],
                name="one_device_per_key_and_token",
            ),
            models.CheckConstraint(
                condition=Q(workflow_state__in=["pending", "registered", "failed", "removed"]),
                name="device_workflow_state",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["last_seen_at"], name="device_by_last_seen", condition=~Q(workflow_state="removed")
            ),
            models.Index(fields=["endpoint_arn"], condition=~Q(endpoint_arn=""), name="device_by_endpoint"),
            models.Index(fields=["-id"], condition=UNSYNCED, name="device_out_of_line"),
        ]

    def __str__(self) -> str:
        return f"device {self.pk}"
