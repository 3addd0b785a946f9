"""What providers reported, in Django's admin. The raw event is not shown: it holds addresses and tokens."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from canvas_channels.core.identity.admin.base import ReadOnlyAdmin
from notifications.webhooks.models import WebhookEvent


@admin.register(WebhookEvent)
class WebhookEventAdmin(ReadOnlyAdmin):
    list_display = ("id", "provider", "workflow_state", "failure", "received_at", "handled_at")
    list_filter = ("provider", "workflow_state")
    search_help_text = "The event's id."
    fields = (*("id", "provider", "request_id", "workflow_state", "failure", "received_at", "handled_at"),)
    actions = ("handle_again",)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("notifications.change_webhookevent")

    @admin.action(description="Handle selected events again, unless they are handled", permissions=["retry"])
    def handle_again(self, request: HttpRequest, chosen: "QuerySet[WebhookEvent]") -> None:
        asked = WebhookEvent.objects.retry(list(chosen.values_list("pk", flat=True)))
        self.message_user(request, f"Asked for {asked} events.")
