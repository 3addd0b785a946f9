"""The catalogue of notifications, and how often a channel gets each. Rules live beside it."""

from typing import Any, ClassVar

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from canvas_channels.core.identity.models import Account
from channels_api.models import CommunicationChannel

SLUG_PATTERN = r"\A[a-z0-9_]+\Z"


class Frequency(models.TextChoices):
    IMMEDIATELY = "immediately"
    DAILY = "daily"
    WEEKLY = "weekly"
    NEVER = "never"


def slug_of(name: str) -> str:
    """How the API names a notification or a category: ``New Announcement`` is ``new_announcement``."""
    return "_".join(name.lower().split())


def frequency_is_known(field: str, name: str) -> models.CheckConstraint:
    return models.CheckConstraint(condition=Q(**{f"{field}__in": Frequency.values}), name=name)


class CatalogueEntry(models.Model):
    """A name, and the slug that clients know it by."""

    name = models.CharField(max_length=255, unique=True)
    slug = models.CharField(
        max_length=255,
        unique=True,
        blank=True,
        validators=[RegexValidator(SLUG_PATTERN, "Lower case letters, digits and underscores only.")],
        help_text="What clients call it; empty means the name in lower case with underscores.",
    )

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.slug = self.slug or slug_of(self.name)
        super().save(*args, **kwargs)

    def clean(self) -> None:
        """Make the slug before a form checks the constraints: one that is no slug is then refused there."""
        self.slug = self.slug or slug_of(self.name)


class NotificationCategory(CatalogueEntry):
    """Notifications that belong together, and how often they come unless somebody says otherwise."""

    default_frequency = models.CharField(max_length=16, choices=Frequency.choices)
    position = models.PositiveIntegerField(help_text="Order in lists, from 1.")

    class Meta(CatalogueEntry.Meta):
        verbose_name_plural = "notification categories"
        constraints: ClassVar = [
            frequency_is_known("default_frequency", "category_default_frequency"),
            models.CheckConstraint(condition=Q(slug__regex=SLUG_PATTERN), name="category_slug"),
        ]


class Notification(CatalogueEntry):
    """A kind of message that users can ask to get at once, in a digest, or never."""

    category = models.ForeignKey(NotificationCategory, on_delete=models.PROTECT, related_name="notifications")

    class Meta(CatalogueEntry.Meta):
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(slug__regex=SLUG_PATTERN), name="notification_slug"),
        ]


class NotificationPreference(models.Model):
    """What was chosen for a channel. Without a row the default holds (see ``preferences.rules``)."""

    channel = models.ForeignKey(
        CommunicationChannel,
        on_delete=models.CASCADE,
        related_name="notification_preferences",
        db_index=False,  # the unique constraint's index begins with it
    )
    notification = models.ForeignKey(Notification, on_delete=models.PROTECT, related_name="preferences")
    frequency = models.CharField(max_length=16, choices=Frequency.choices)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["channel", "notification"], name="one_preference_per_channel_and_notification"
            ),
            frequency_is_known("frequency", "preference_frequency"),
        ]

    def __str__(self) -> str:
        return f"{self.frequency} for channel {self.channel_id}"


class NotificationPreferenceDefault(models.Model):
    """An account's own default, of a category for channels of a type.

    The newest row that reaches back to a channel counts for it; older ones are kept for the
    channels that a newer one does not reach.
    """

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+", db_index=False)
    category = models.ForeignKey(NotificationCategory, on_delete=models.PROTECT, related_name="+")
    type = models.CharField(max_length=8, choices=CommunicationChannel.Type.choices)
    frequency = models.CharField(max_length=16, choices=Frequency.choices)
    applies_from = models.DateTimeField(
        null=True,
        blank=True,
        help_text="Channels made before keep the default that they had; empty: it holds for every channel.",
    )

    class Meta:
        constraints: ClassVar = [
            frequency_is_known("frequency", "preference_default_frequency"),
            models.CheckConstraint(
                condition=Q(type__in=CommunicationChannel.Type.values), name="preference_default_type"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["account", "type", "category", "-id"], name="preference_default_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.frequency} for {self.type} channels of account {self.account_id}"
