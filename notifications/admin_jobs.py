"""Django's admin for jobs. procrastinate's own page would read the whole table for its lists of filters."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from procrastinate.contrib.django import admin as procrastinate_admin
from procrastinate.contrib.django.models import ProcrastinateJob

from canvas_channels.core.counts import counted
from canvas_channels.core.identity.admin.base import ReadOnlyAdmin, ids
from notifications import deliveries
from notifications.kinds import of_job

__all__ = ["procrastinate_admin"]  # which registers the page that is replaced here

admin.site.unregister(ProcrastinateJob)


@admin.register(ProcrastinateJob)
class ProcrastinateJobAdmin(ReadOnlyAdmin):
    list_display = ("id", "task_name", "status", "attempts", "scheduled_at")
    fields = ("id", "task_name", "args", "status", "queue_name", "lock", "attempts", "scheduled_at")
    list_filter = ("status",)
    search_help_text = "Its id."
    actions = ("run_again",)

    def search_condition(self, term: str) -> Q:
        return Q(pk__in=ids(term))

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("procrastinate.change_procrastinatejob")

    @admin.action(description="Run selected jobs again that failed or wait", permissions=["retry"])
    def run_again(self, request: HttpRequest, jobs: "QuerySet[ProcrastinateJob]") -> None:
        allowed = [job for job in jobs.order_by("pk") if _may_run(request, job)]
        asked = [job for job in allowed if deliveries.run_again(job)]
        for job in asked:
            self.log_change(request, job, "Run again.")
        self.message_user(request, f"Asked for {counted(len(asked), 'job')}.")


def _may_run(request: HttpRequest, job: ProcrastinateJob) -> bool:
    """A link that lets somebody in is sent again only by who may change them."""
    if (found := of_job(job)) is None:
        return True
    kind, row_ids = found
    rows = kind.rows.filter(pk__in=row_ids)
    of_kind: Any = admin.site.get_model_admin(kind.model)  # a RetryAdmin
    return bool(of_kind.allowed(request, rows).count() == rows.count())
