"""What is told to a user's addresses, once something else lets somebody in."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from canvas_channels.core.outbox import Job
from canvas_channels.core.outgoing import Outgoing


class SecurityNotice(Outgoing):
    """One message to an address of a user: that another one counts now, or of a new password or login.

    It keeps where it goes to: that address may be gone from its channel by the time it is sent.
    """

    class Kind(models.TextChoices):
        ADDRESS = "address"
        PASSWORD = "password"  # noqa: S105 - what it is about
        LOGIN = "login"

    class WorkflowState(models.TextChoices):
        REQUESTED = "requested"
        SENT = "sent"
        FAILED = "failed"

    job = Job("notifications.send_announcement", "announcement", "announcement_id")  # as 0.1.0 calls it

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    account = models.ForeignKey(
        "identity.Account",
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,
        help_text="Whose budget pays for it, where it is a text message.",
    )
    type = models.CharField(max_length=8)
    address = models.CharField(max_length=320)
    address_folded = models.CharField(
        max_length=320, db_default="", help_text="What addresses are compared by; empty in old rows."
    )
    kind = models.CharField(
        max_length=16, choices=Kind.choices, default=Kind.ADDRESS, db_default=Kind.ADDRESS
    )
    about_type = models.CharField(max_length=8, blank=True)
    about = models.CharField(max_length=320, blank=True, help_text="The new address or login, masked.")
    replaced = models.BooleanField(default=False, help_text="The new address took the place of this one.")
    workflow_state = models.CharField(
        max_length=16, choices=WorkflowState.choices, default=WorkflowState.REQUESTED
    )
    sent_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        db_table = "channels_api_announcement"
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(type__in=["email", "sms"]), name="announcement_type"),
            models.CheckConstraint(
                condition=Q(workflow_state__in=["requested", "sent", "failed"]),
                name="announcement_workflow_state",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["address_folded", "-created_at"], name="announcement_to"),
            models.Index(fields=["user", "-created_at"], name="announcement_of_user"),
            models.Index(
                fields=["-id"],
                condition=Q(workflow_state__in=["requested", "failed"]),
                name="announcement_unsent",
            ),
            models.Index(
                fields=["account", "-created_at"], condition=Q(type="sms"), name="announcement_texts"
            ),
        ]

    def __str__(self) -> str:
        return f"security notice {self.pk} to user {self.user_id}"
