"""The shape of what a job delivers: a row that waits until it is done, or failed for good with its reason."""

from collections.abc import Collection
from typing import ClassVar, Self, TypeVar

from django.db import models, transaction
from django.utils import timezone

from canvas_channels.core.outbox import Job

Row = TypeVar("Row", bound="Outgoing", covariant=True)


class OutgoingQuerySet(models.QuerySet[Row]):
    def waiting(self) -> Self:
        return self.filter(workflow_state__in=self.model.WAITING)

    def undelivered(self) -> Self:
        """Those that wait or failed for good, and are still of use."""
        return self.filter(workflow_state__in=[*self.model.WAITING, self.model.FAILED])

    def retryable(self) -> Self:
        """Those of them that there is a point in trying again now."""
        return self.undelivered()

    def mark_sent(self, *row_ids: int) -> int:
        """They are done. Returns how many: what became meanwhile of those that wait no more stays."""
        done = {"workflow_state": self.model.DONE, self.model.DONE_AT: timezone.now(), "failure": ""}
        return self.waiting().filter(pk__in=row_ids).update(**done)

    def mark_failed(self, row_id: int, reason: str, *, final: bool = True) -> None:
        """Keep the reason for the operator; ``final`` False means that it will be tried again.

        The same reason again is not written again, so that an outage does not keep the disk busy.
        """
        waiting = self.waiting().filter(pk=row_id)
        if final:
            waiting.update(failure=reason, workflow_state=self.model.FAILED)
        else:
            waiting.exclude(failure=reason).update(failure=reason)

    @transaction.atomic
    def retry(self, row_ids: Collection[int]) -> int:
        """Ask for those again that failed or wait, as if they had never been tried; returns how many.

        They count for no limit again.
        """
        chosen = self.retryable().filter(pk__in=row_ids).order_by("pk")
        found = [row.pk for row in chosen.select_for_update(of=("self",), no_key=True)]
        reset = self.model._default_manager.filter(pk__in=found)
        reset.update(workflow_state=self.model.WAITING[0], failure="")
        self.model.job.ask_again(found)
        return len(found)


class Outgoing(models.Model):
    """A row that asks for its own delivery. A subclass has ``workflow_state`` and says what its states mean.

    ``job`` delivers it: it looks at the row as it is then, and is safe to run twice.
    """

    job: ClassVar[Job]
    WAITING: ClassVar[tuple[str, ...]] = ("requested",)  # the first is that of one that was not begun
    DONE: ClassVar[str] = "sent"
    DONE_AT: ClassVar[str] = "sent_at"
    FAILED: ClassVar[str] = "failed"

    workflow_state = models.CharField(max_length=16, default="requested")
    failure = models.TextField(blank=True, help_text="Why it could not be sent.")

    objects = OutgoingQuerySet.as_manager()

    class Meta:
        abstract = True
