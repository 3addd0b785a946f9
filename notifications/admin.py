"""Django's admin pages of this app."""

from notifications.preferences import admin as preferences
from notifications.webhooks import admin as webhooks

__all__ = ["preferences", "webhooks"]
