"""Requests to prove that a channel is the user's, and the codes that were sent for them."""

from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from canvas_channels.core.outbox import Job
from canvas_channels.core.outgoing import Outgoing, OutgoingQuerySet
from channels_api.models.channels import BOUNCED_FOR, CommunicationChannel, bounced


class ConfirmationQuerySet(OutgoingQuerySet["Confirmation"]):
    def undelivered(self) -> Self:
        """Those whose channel, which comes with them, is new or waits for another address."""
        new = Q(channel__workflow_state="unconfirmed")
        changing = Q(channel__pending_address__isnull=False)
        return super().undelivered().filter(new | changing).select_related("channel")

    def retryable(self) -> Self:
        """Not those to an address that bounced of late."""
        a_week_ago = timezone.now() - BOUNCED_FOR
        came_back = bounced(OuterRef("channel__type"), OuterRef("address_folded"), a_week_ago)
        return self.undelivered().filter(~Exists(came_back))


class Confirmation(Outgoing):
    """One request to prove that a channel is the user's.

    The worker makes the code when it sends, and keeps only its digest. A send that is tried again
    makes another code; all codes of one request work until one is used or a resend replaces them.
    """

    class WorkflowState(models.TextChoices):
        REQUESTED = "requested"
        SENT = "sent"
        USED = "used"
        REPLACED = "replaced"
        FAILED = "failed"

    job = Job("notifications.send_confirmation", "confirmation", "confirmation_id")

    channel = models.ForeignKey(
        CommunicationChannel,
        on_delete=models.CASCADE,
        related_name="confirmations",
        db_index=False,
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,
    )
    account = models.ForeignKey(
        "identity.Account",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,
        help_text="Whose budget pays for it, where it is a text message.",
    )
    address_folded = models.CharField(max_length=960)
    workflow_state = models.CharField(
        max_length=16, choices=WorkflowState.choices, default=WorkflowState.REQUESTED
    )
    wrong_tries = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True)
    refused_at = models.DateTimeField(
        null=True, blank=True, help_text="When whoever was sent it said that it was not them."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar = ConfirmationQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(
                    workflow_state__in=[
                        "requested",
                        "sent",
                        "used",
                        "replaced",
                        "failed",
                    ]
                ),
                name="confirmation_workflow_state",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["channel", "created_at"], name="confirmation_by_channel"),
            models.Index(fields=["user", "created_at"], name="confirmation_by_user"),
            models.Index(fields=["address_folded", "created_at"], name="confirmation_by_address"),
            models.Index(
                fields=["account", "-created_at"],
                condition=Q(account__isnull=False),
                name="confirmation_texts",
            ),
            models.Index(
                fields=["-id"],
                condition=Q(workflow_state__in=["requested", "failed"]),
                name="confirmation_unsent",
            ),
        ]

    def __str__(self) -> str:
        return f"confirmation {self.pk} of channel {self.channel_id}"


class ConfirmationCode(models.Model):
    """The digests of one code that was sent for a confirmation, and of the secret that refuses it.

    See ``channels_api.messages.codes``.
    """

    confirmation = models.ForeignKey(Confirmation, on_delete=models.CASCADE, related_name="codes")
    digest = models.CharField(max_length=64, db_index=True)
    refusal_digest = models.CharField(max_length=64, blank=True, default="", db_default="")
    expires_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["refusal_digest"], name="code_by_refusal")]

    def __str__(self) -> str:
        return f"code {self.pk} of confirmation {self.confirmation_id}"
