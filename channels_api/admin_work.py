"""Django's admin for work in the background, and for codes that wait: to look at, and to try work again.

No digest is shown.
"""

from typing import Any

from django.contrib import admin
from django.db.models import Q

from canvas_channels.core.identity.admin.base import ReadOnlyAdmin, RetryAdmin, ids, users_found
from channels_api.models import ConfirmationCode, ImportRow, Progress


@admin.register(Progress)
class ProgressAdmin(RetryAdmin):
    list_display = (
        *("id", "account", "tag", "workflow_state", "completion", "failure", "user_id", "created_at"),
    )
    list_select_related = ("account",)
    search_help_text = "Its id, or the id of its account."
    fields = (
        *("id", "account", "user", "actor", "developer_key", "tag", "workflow_state"),
        *("completion", "message", "failure", "created_at", "updated_at"),
    )

    def search_condition(self, term: str) -> Q:
        return Q(pk__in=ids(term)) | Q(account__in=ids(term))


@admin.register(ImportRow)
class ImportRowAdmin(ReadOnlyAdmin):
    """What became of each row of an import; what it held is forgotten once it is done."""

    list_display = ("id", "progress_id", "number", "status")
    search_help_text = "The id of its progress."
    fields = ("id", "progress", "number", "result")

    def search_condition(self, term: str) -> Q:
        return Q(progress__in=ids(term))

    @admin.display(description="status")
    def status(self, row: ImportRow) -> Any:
        return (row.result or {}).get("status", "waiting")


@admin.register(ConfirmationCode)
class ConfirmationCodeAdmin(ReadOnlyAdmin):
    list_display = ("id", "confirmation_id", "expires_at")
    search_help_text = "The id of its confirmation, or its user's login, SIS id or id."
    fields = ("id", "confirmation", "expires_at")

    def search_condition(self, term: str) -> Q:
        return Q(confirmation__in=ids(term)) | Q(confirmation__user__in=users_found(term))
