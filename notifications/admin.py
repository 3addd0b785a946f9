"""Django's admin pages of this app."""

from notifications import admin_jobs
from notifications.dispatches import admin as dispatches
from notifications.messages import admin as messages
from notifications.preferences import admin as preferences
from notifications.webhooks import admin as webhooks

__all__ = ["admin_jobs", "dispatches", "messages", "preferences", "webhooks"]
