"""The rows of this app, each kind beside its rules."""

from notifications.preferences.models import (
    Notification,
    NotificationCategory,
    NotificationPreference,
    NotificationPreferenceDefault,
)
from notifications.webhooks.models import WebhookEvent

__all__ = [
    "Notification",
    "NotificationCategory",
    "NotificationPreference",
    "NotificationPreferenceDefault",
    "WebhookEvent",
]
