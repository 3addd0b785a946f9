"""What an institution's systems asked to send, in Django's admin; not what it says."""

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from canvas_channels.core.identity.admin.base import RetryAdmin, caller_of, ids
from notifications.dispatches import rules
from notifications.dispatches.models import Dispatch


@admin.register(Dispatch)
class DispatchAdmin(RetryAdmin):
    list_display = (
        *("id", "account", "notification", "workflow_state", "failure", "recipients_count", "created_at"),
    )
    list_select_related = ("account", "notification")
    list_filter = ("workflow_state",)
    search_help_text = "Its id, or an account's."
    fields = (
        *("id", "account", "notification", "actor", "developer_key", "workflow_state", "failure"),
        *("recipients_count", "unknown_count", "unknown", "withheld", "created_at", "completed_at"),
    )
    actions = (*RetryAdmin.actions, "cancel")

    def search_condition(self, term: str) -> Q:
        return Q(pk__in=ids(term)) | Q(account__in=ids(term))

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("notifications.change_dispatch")

    @admin.action(description="Cancel what is not sent yet", permissions=["cancel"])
    def cancel(self, request: HttpRequest, chosen: "QuerySet[Dispatch]") -> None:
        for dispatch_id in list(chosen.order_by("pk").values_list("pk", flat=True)):
            rules.cancel(caller_of(request), dispatch_id)
        self.message_user(request, "What was not sent yet of the selected dispatches is cancelled.")
