"""What providers reported, in Django's admin. The raw event is not shown: it holds addresses and tokens."""

from django.contrib import admin

from canvas_channels.core.identity.admin.base import RetryAdmin
from notifications.webhooks.models import WebhookEvent


@admin.register(WebhookEvent)
class WebhookEventAdmin(RetryAdmin):
    list_display = ("id", "provider", "workflow_state", "failure", "received_at", "handled_at")
    list_filter = ("provider", "workflow_state")
    search_help_text = "The event's id."
    fields = (*("id", "provider", "request_id", "workflow_state", "failure", "received_at", "handled_at"),)
