"""The catalogue of notifications, and how often a channel gets each. Rules live beside it."""

from typing import Any, ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
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
    push = models.BooleanField(default=False, db_default=False, help_text="Whether it may go to devices.")
    delay_for = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="Minutes that it waits for newer news of the same thing."
    )

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


class MandatoryCategory(models.Model):
    """A category whose notifications an account's users get at once by email, whatever they chose."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+", db_index=False)
    category = models.ForeignKey(NotificationCategory, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "mandatory categories"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account", "category"], name="one_mandatory_category_per_account_and_category"
            ),
        ]

    def __str__(self) -> str:
        return f"category {self.category_id} of account {self.account_id}"


class CoursePreference(models.Model):
    """Whether a user gets notifications about a course at all. Without a row they do."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    course_id = models.BigIntegerField()
    enabled = models.BooleanField(default=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "course_id"], name="one_preference_per_user_and_course"),
        ]

    def __str__(self) -> str:
        return f"course {self.course_id} of user {self.user_id}"


class CourseOverride(models.Model):
    """What was chosen for a channel and a category in one course (Canvas: a policy override)."""

    channel = models.ForeignKey(
        CommunicationChannel, on_delete=models.CASCADE, related_name="course_overrides", db_index=False
    )
    course_id = models.BigIntegerField()
    category = models.ForeignKey(NotificationCategory, on_delete=models.PROTECT, related_name="+")
    frequency = models.CharField(max_length=16, choices=Frequency.choices)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["channel", "course_id", "category"],
                name="one_override_per_channel_course_and_category",
            ),
            frequency_is_known("frequency", "course_override_frequency"),
        ]

    def __str__(self) -> str:
        return f"{self.frequency} for channel {self.channel_id} in course {self.course_id}"


class QuietHours(models.Model):
    """When a user's devices and numbers stay silent, in their time zone.

    ``starts`` after ``ends`` crosses midnight.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="quiet_hours"
    )
    starts = models.TimeField()
    ends = models.TimeField()
    days = ArrayField(
        models.PositiveSmallIntegerField(),
        default=list,
        help_text="ISO weekdays on which they start, 1 is Monday; none: every day.",
    )

    class Meta:
        verbose_name_plural = "quiet hours"

    def __str__(self) -> str:
        return f"quiet hours of user {self.user_id}"
