"""The rows of this app, each kind beside its rules."""

from notifications.canvas_import.models import MovedRow
from notifications.dispatches.models import Dispatch, DispatchRecipient
from notifications.messages.frames import MessageFrame
from notifications.messages.models import Message
from notifications.preferences.models import (
    CourseOverride,
    CoursePreference,
    MandatoryCategory,
    Notification,
    NotificationCategory,
    NotificationPreference,
    NotificationPreferenceDefault,
    QuietHours,
)
from notifications.webhooks.models import WebhookEvent

__all__ = [
    "CourseOverride",
    "CoursePreference",
    "Dispatch",
    "DispatchRecipient",
    "MandatoryCategory",
    "Message",
    "MessageFrame",
    "MovedRow",
    "Notification",
    "NotificationCategory",
    "NotificationPreference",
    "NotificationPreferenceDefault",
    "QuietHours",
    "WebhookEvent",
]
