"""The raw events, kept as they came."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from canvas_channels.core.outbox import Job
from canvas_channels.core.outgoing import Outgoing


class WebhookEvent(Outgoing):
    """One event that a provider reported. The same event again is not stored again."""

    class Provider(models.TextChoices):
        AMAZON_SES = "amazon_ses", "Amazon SES"
        AMAZON_SNS = "amazon_sns", "Amazon SNS (push endpoints)"
        MAILGUN = "mailgun", "Mailgun"
        POSTMARK = "postmark", "Postmark"
        SENDGRID = "sendgrid", "SendGrid"

    class WorkflowState(models.TextChoices):
        RECEIVED = "received"
        HANDLED = "handled"
        FAILED = "failed"

    job = Job("notifications.handle_webhook_event", "event", "event_id")
    WAITING, DONE, DONE_AT = ("received",), "handled", "handled_at"

    provider = models.CharField(max_length=16, choices=Provider.choices)
    key = models.CharField(max_length=64, help_text="SHA-256 of what the provider tells events apart by.")
    request_id = models.UUIDField(help_text="The request that brought it; some bring many events.")
    body = models.TextField(help_text="The event's JSON. It holds addresses.")
    workflow_state = models.CharField(
        max_length=16, choices=WorkflowState.choices, default=WorkflowState.RECEIVED
    )
    failure = models.TextField(blank=True, help_text="Why it could not be handled.")
    received_at = models.DateTimeField(default=timezone.now)
    handled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        app_label = "notifications"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["provider", "key"], name="one_row_per_webhook_event"),
            models.CheckConstraint(
                condition=Q(provider__in=["amazon_ses", "amazon_sns", "mailgun", "postmark", "sendgrid"]),
                name="webhook_event_provider",
            ),
            models.CheckConstraint(
                condition=Q(workflow_state__in=["received", "handled", "failed"]),
                name="webhook_event_state",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["received_at"], name="webhook_event_by_age"),
            models.Index(
                fields=["-id"],
                condition=Q(workflow_state__in=["received", "failed"]),
                name="webhook_event_unhandled",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider} event {self.pk}"
