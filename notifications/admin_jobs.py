"""Django's admin for jobs. procrastinate's own page would read the whole table for its lists of filters."""

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from procrastinate.contrib.django import admin as procrastinate_admin
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from canvas_channels.identity.admin_base import ReadOnlyAdmin, ids

__all__ = ["procrastinate_admin"]  # which registers the page that is replaced here

admin.site.unregister(ProcrastinateJob)


@admin.register(ProcrastinateJob)
class JobPages(ReadOnlyAdmin):
    list_display = ("id", "task_name", "status", "attempts", "scheduled_at")
    fields = ("id", "task_name", "args", "status", "queue_name", "lock", "attempts", "scheduled_at")
    list_filter = ("status",)
    search_help_text = "Its id."
    actions = ("run_again",)

    def search_condition(self, term: str) -> Q:
        return Q(pk__in=ids(term))

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("procrastinate.change_procrastinatejob")

    @admin.action(description="Run selected jobs that failed again", permissions=["retry"])
    def run_again(self, request: HttpRequest, jobs: "QuerySet[ProcrastinateJob]") -> None:
        failed = list(jobs.filter(status="failed"))
        for job in failed:
            app.job_manager.retry_job_by_id(job.pk, retry_at=timezone.now())
            self.log_change(request, job, "Run again.")
        self.message_user(request, f"Asked for {len(failed)} jobs.")
