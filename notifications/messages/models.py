"""Every message that people's choices let through, as Canvas's ``comm_messages`` lists them."""

from collections.abc import Collection
from typing import ClassVar, Self

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.db.models.functions import Now

from canvas_channels.core.identity.models import Account
from canvas_channels.core.outgoing import Outgoing, OutgoingQuerySet
from channels_api.models import CommunicationChannel
from notifications.dispatches.models import Dispatch
from notifications.messages import queue
from notifications.preferences.models import Frequency, Notification

UNDELIVERED = Q(workflow_state__in=["created", "sending", "transmission_error"]) | ~Q(failure="")
UNSENT = Q(workflow_state__in=["created", "staged", "sending"])


class MessageQuerySet(OutgoingQuerySet["Message"]):
    def undelivered(self) -> Self:
        """What may be tried again: what failed for good, or waits for another try."""
        return self.filter(
            UNDELIVERED, workflow_state__in=["created", "sending", "staged", "transmission_error"]
        )

    def retryable(self) -> Self:
        """Not what is being sent just now."""
        return self.undelivered().exclude(workflow_state="sending")

    @transaction.atomic
    def retry(self, row_ids: Collection[int]) -> int:
        chosen = self.retryable().filter(pk__in=row_ids).order_by("pk")
        found = [row.pk for row in chosen.select_for_update(of=("self",), no_key=True)]
        self.model.objects.filter(pk__in=found).update(
            workflow_state="created", waits_for="", due_at=None, attempts=0, failure=""
        )
        queue.ask(found, bulk=False)
        return len(found)

    def texts(self) -> Self:
        """Those that an account pays for."""
        unpaid = ["cancelled", "bounced"]
        return self.filter(text_account__isnull=False).exclude(workflow_state__in=unpaid)

    @transaction.atomic
    def cancel(self) -> int:
        """Send none of these that nobody sends yet; returns how many. It locks them in one order."""
        unsent = self.filter(workflow_state__in=["created", "staged"]).order_by("pk")
        locked = unsent.select_for_update(of=("self",), no_key=True)
        return self.model.objects.filter(pk__in=locked.values("pk")).update(
            workflow_state="cancelled", waits_for="", due_at=None, updated_at=Now()
        )


class Message(Outgoing):
    """One message to one channel, or what a digest will say of one dispatch.

    It is the request to send it as well: ``created`` has a job, ``staged`` waits for ``due_at``. What a
    dispatch says is kept there once; ``subject`` and ``body`` are a digest's or a test's own.
    """

    class Kind(models.TextChoices):
        NOTIFICATION = "notification"
        DIGEST_ENTRY = "digest_entry"
        DIGEST = "digest"
        TEST = "test"

    class WorkflowState(models.TextChoices):
        CREATED = "created"
        STAGED = "staged"
        SENDING = "sending"
        SENT = "sent"
        BOUNCED = "bounced"
        CANCELLED = "cancelled"
        CLOSED = "closed"  # an entry of a digest that was made
        TRANSMISSION_ERROR = "transmission_error"

    class WaitsFor(models.TextChoices):
        NOTHING = ""
        DELAY = "delay"
        QUIET_HOURS = "quiet_hours"
        DIGEST = "digest"
        RETRY = "retry"

    job = queue.DELIVER
    WAITING, FAILED = ("created",), "transmission_error"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    channel = models.ForeignKey(
        CommunicationChannel, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    account = models.ForeignKey(
        Account, on_delete=models.CASCADE, related_name="+", db_index=False, help_text="Which sends it."
    )
    dispatch = models.ForeignKey(
        Dispatch, null=True, on_delete=models.CASCADE, related_name="messages", db_index=False
    )
    notification = models.ForeignKey(
        Notification, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    digest = models.ForeignKey(
        "self",
        null=True,
        on_delete=models.CASCADE,
        related_name="entries",
        db_index=False,
        help_text="An entry's.",
    )
    kind = models.CharField(max_length=16, choices=Kind.choices, default=Kind.NOTIFICATION)
    type = models.CharField(max_length=8, choices=CommunicationChannel.Type.choices)
    frequency = models.CharField(max_length=16, choices=Frequency.choices, default=Frequency.IMMEDIATELY)
    text_account = models.ForeignKey(
        Account,
        null=True,
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,
        help_text="Whose budget pays for it, where it is a text message.",
    )
    address = models.CharField(max_length=320, help_text="Where it goes, as it was when it was decided.")
    object_id = models.CharField(max_length=255, blank=True, default="", help_text="The dispatch's.")
    subject = models.CharField(max_length=255, blank=True, default="")
    body = models.TextField(blank=True, default="")
    mandatory = models.BooleanField(default=False, help_text="Nobody can unsubscribe from it.")
    workflow_state = models.CharField(
        max_length=32, choices=WorkflowState.choices, default=WorkflowState.CREATED
    )
    waits_for = models.CharField(
        max_length=16, choices=WaitsFor.choices, blank=True, default=WaitsFor.NOTHING
    )
    due_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    failure = models.TextField(blank=True, default="", help_text="Why it could not be sent.")
    devices = models.JSONField(
        default=dict, help_text="Of a push, by device: accepted, refused and why, or waiting."
    )
    provider_id = models.CharField(
        max_length=255, blank=True, default="", help_text="What the provider's events call it."
    )
    sent_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar = MessageQuerySet.as_manager()

    class Meta:
        app_label = "notifications"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["dispatch", "user", "channel"], name="one_message_per_dispatch_user_and_channel"
            ),
            models.CheckConstraint(
                condition=Q(
                    workflow_state__in=[
                        "created",
                        "staged",
                        "sending",
                        "sent",
                        "bounced",
                        "cancelled",
                        "closed",
                        "transmission_error",
                    ]
                ),
                name="message_workflow_state",
            ),
            models.CheckConstraint(condition=Q(type__in=["email", "sms", "push"]), name="message_type"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["user", "-created_at", "-id"], name="message_of_user"),
            models.Index(fields=["created_at"], name="message_by_age"),
            models.Index(
                fields=["due_at", "id"],
                condition=Q(workflow_state="staged") & ~Q(waits_for="digest"),
                name="message_due",
            ),
            models.Index(
                fields=["due_at", "channel", "account"],
                condition=Q(workflow_state="staged", waits_for="digest"),
                name="message_digest_due",
            ),
            models.Index(fields=["channel"], name="message_of_channel"),
            models.Index(
                fields=["text_account", "-created_at"],
                condition=Q(text_account__isnull=False),
                name="message_texts_of_account",
            ),
            models.Index(
                fields=["user", "notification", "object_id"],
                condition=UNSENT & ~Q(object_id=""),
                name="message_replaceable",
            ),
            models.Index(fields=["digest"], condition=Q(digest__isnull=False), name="message_of_digest"),
            models.Index(fields=["provider_id"], condition=~Q(provider_id=""), name="message_by_provider"),
            models.Index(fields=["-id"], condition=UNDELIVERED, name="message_undelivered"),
        ]

    def __str__(self) -> str:
        return f"message {self.pk}"
