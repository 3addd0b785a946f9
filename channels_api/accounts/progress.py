"""How bulk actions go on: in steps, each safe to run again."""

import time
from collections.abc import Callable
from datetime import timedelta

from django.utils import timezone

from canvas_channels.core.identity.accounts import is_account_admin
from canvas_channels.core.identity.callers import Caller
from channels_api.accounts import bulk, imports
from channels_api.models import Progress

AT_A_TIME = timedelta(seconds=4)  # a worker that is told to end waits as long
KEPT_FOR = timedelta(days=30)  # so long a client can ask for the results

State = Progress.WorkflowState
OPEN = (State.QUEUED, State.RUNNING)

# Each does the next part, and returns the per cent done and a sentence.
_STEPS: dict[str, Callable[[Progress], tuple[int, str]]] = {
    Progress.Tag.IMPORT: imports.do_batch,
    Progress.Tag.RESET: bulk.reset_scheduled,
}


def may_see(caller: Caller, progress: Progress) -> bool:
    """Whether the caller started it, or is an admin of its account or a site admin."""
    return progress.user_id == caller.user.pk or is_account_admin(caller.user, progress.account_id)


def run(progress_id: int) -> None:
    """Run steps for a while; ask for another job if there is more to do.

    Not a job a step: a worker notices one that waited for its predecessor's lock only when it next polls.
    """
    until = time.monotonic() + AT_A_TIME.total_seconds()
    while step(progress_id):
        if time.monotonic() > until:
            Progress.job.ask([progress_id])
            return


def step(progress_id: int) -> bool:
    """Do the next part, where there is one; returns whether there is more to do."""
    found = Progress.objects.select_related("account", "user", "actor", "developer_key")
    progress = found.filter(pk=progress_id, workflow_state__in=OPEN).first()
    if progress is None:
        return False
    if progress.user is not None and not progress.user.is_active:
        mark_failed(progress_id, "who asked for it is deactivated")
        return False
    completion, message = _STEPS[progress.tag](progress)
    done = completion == 100
    progress.workflow_state = State.COMPLETED if done else State.RUNNING
    progress.completion, progress.message = completion, message
    progress.save(update_fields=["workflow_state", "completion", "message", "updated_at"])
    return not done


def mark_failed(progress_id: int, reason: str, *, final: bool = True) -> None:
    """Keep the reason; ``final`` False means that it will be tried again."""
    progress = Progress.objects.filter(pk=progress_id, workflow_state__in=OPEN).first()
    if progress is None:
        return
    if final:
        progress.workflow_state = State.FAILED
        imports.abandon(progress)
    progress.message = reason
    progress.save(update_fields=["workflow_state", "message", "updated_at"])


def prune() -> int:
    """Forget what ended long ago, with its results; returns how many rows."""
    return Progress.objects.filter(created_at__lt=timezone.now() - KEPT_FOR).delete()[0]
