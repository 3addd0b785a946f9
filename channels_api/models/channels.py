"""Communication channels: where a user can be reached."""

from datetime import timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from channels_api.addresses import compared, fold

_NOT_PLAIN = r'^"|[^ -~]'  # a quoted local part, or a domain beyond ASCII
SPELLED_OTHERWISE = Q(address__regex=_NOT_PLAIN) | Q(pending_address__regex=_NOT_PLAIN)
LIVE = Q(workflow_state__in=["unconfirmed", "active"])
BOUNCING = Q(bounce_count__gt=0)
BOUNCED_FOR = timedelta(days=7)  # an address that bounced gets nothing for so long, or until a reset


class CommunicationChannel(models.Model):
    """A user's email address or phone number, or all of their devices."""

    class Type(models.TextChoices):
        EMAIL = "email"
        SMS = "sms"
        PUSH = "push"

    class WorkflowState(models.TextChoices):
        UNCONFIRMED = "unconfirmed"
        ACTIVE = "active"
        RETIRED = "retired"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="communication_channels",
        db_index=False,
    )
    type = models.CharField(max_length=8, choices=Type.choices)
    address = models.CharField(max_length=320)
    address_folded = models.CharField(
        max_length=960,
        editable=False,
        help_text="What makes two addresses the same: case-folded, a domain in its ASCII form by IDNA 2008.",
    )
    shown_folded = models.CharField(  # noqa: DJ001 - null where there is no difference
        max_length=960,
        null=True,
        editable=False,
        help_text="The address as it is shown, case-folded, where that is another text: for searches.",
    )
    workflow_state = models.CharField(
        max_length=16, choices=WorkflowState.choices, default=WorkflowState.UNCONFIRMED
    )
    position = models.PositiveIntegerField()
    institutional = models.BooleanField(
        default=False, help_text="The institution imported this address, or an admin says that it is its own."
    )
    active_since = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Of its address; null: since it was created."
    )
    made_with_user = models.BooleanField(
        default=False,
        db_default=False,
        editable=False,
        help_text="Or imported: password resets may go to it at once.",
    )
    added_with_scopes = models.BooleanField(
        default=False,
        db_default=False,
        editable=False,
        help_text="By a token of a key that requires scopes: no password reset goes to it.",
    )
    pending_address = models.CharField(  # noqa: DJ001 - null in the API
        max_length=320,
        null=True,
        blank=True,
        help_text="The address that an active channel changes to once it is confirmed.",
    )
    pending_added_with_scopes = models.BooleanField(default=False, db_default=False, editable=False)
    bounce_count = models.PositiveIntegerField(default=0)
    last_bounce_at = models.DateTimeField(null=True, blank=True)
    last_bounce_summary = models.TextField(null=True, blank=True)  # noqa: DJ001 - null in the API
    last_suppression_bounce_at = models.DateTimeField(null=True, blank=True)
    last_transient_bounce_at = models.DateTimeField(null=True, blank=True)
    last_transient_bounce_summary = models.TextField(null=True, blank=True)  # noqa: DJ001 - null in the API
    last_delivery_at = models.DateTimeField(null=True, blank=True)
    bounce_count_reset_at = models.DateTimeField(
        null=True, blank=True, help_text="When its bounces were last forgotten: older ones do not count."
    )
    bounce_history = models.JSONField(
        default=dict, db_default={}, editable=False, help_text="What the columns above follow from."
    )
    retired_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user", "type", "address_folded"],
                condition=LIVE,
                name="one_live_channel_per_address",
            ),
            models.CheckConstraint(condition=Q(type__in=["email", "sms", "push"]), name="channel_type"),
            models.CheckConstraint(
                condition=Q(workflow_state__in=["unconfirmed", "active", "retired"]),
                name="channel_workflow_state",
            ),
            models.CheckConstraint(condition=Q(position__gte=1), name="channel_position_from_1"),
            models.CheckConstraint(
                condition=Q(pending_address=None) | Q(workflow_state="active"),
                name="channel_pending_address_while_active",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["user", "position", "id"], name="channel_by_user_and_position"),
            models.Index(fields=["address_folded", "type"], name="channel_by_address"),
            models.Index(
                fields=["shown_folded"],
                condition=Q(shown_folded__isnull=False),
                name="channel_by_shown_address",
            ),
            models.Index(fields=["user"], condition=SPELLED_OTHERWISE, name="channel_spelled_otherwise"),
            models.Index(
                fields=["last_bounce_at", "id"],
                condition=LIVE & BOUNCING,
                name="channel_bouncing",
            ),
            models.Index(
                fields=["created_at", "id"],
                condition=Q(workflow_state="unconfirmed"),
                name="channel_unconfirmed",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} channel {self.pk}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.fold_address()
        super().save(*args, **kwargs)

    def fold_address(self) -> None:
        self.address_folded, shown = compared(self.address), fold(self.address)
        self.shown_folded = None if shown == self.address_folded else shown

    @property
    def is_bouncing(self) -> bool:
        """What ``BOUNCING`` selects: a message came back, and since then none arrived and nobody reset it."""
        return self.bounce_count > 0

    @property
    def awaits_confirmation(self) -> bool:
        """Whether ``address_to_confirm`` still has to be proved the user's."""
        return self.workflow_state == self.WorkflowState.UNCONFIRMED or self.pending_address is not None

    @property
    def takes_confirmation(self) -> bool:
        """Whether a confirmation has something to prove, at an address that does not bounce.

        ``is_bouncing`` is about the present address, not the one that is to replace it.
        """
        return self.awaits_confirmation and (self.pending_address is not None or not self.is_bouncing)

    @property
    def address_to_confirm(self) -> str:
        """Where a confirmation goes: to the address that it would change to, else to its own."""
        return self.pending_address or self.address


def bounced_since(moment: Any) -> Q:
    """Channels whose address bounced permanently after ``moment`` and still counts as bouncing."""
    return BOUNCING & Q(last_bounce_at__gt=moment)


def bounced(type_: Any, address_folded: Any, a_week_ago: Any) -> "models.QuerySet[CommunicationChannel]":
    """Any user's channels of the address whose last permanent bounce is newer than that.

    Transient and suppression bounces do not count. Type and address may be expressions of an outer query.
    """
    return CommunicationChannel.objects.filter(
        bounced_since(a_week_ago), address_folded=address_folded, type=type_
    )
