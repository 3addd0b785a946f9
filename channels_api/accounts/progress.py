"""How bulk actions go on: in steps, each safe to run again."""

from collections.abc import Callable
from datetime import timedelta

from django.utils import timezone

from canvas_channels.core.identity.accounts import is_account_admin
from canvas_channels.core.identity.callers import Caller
from channels_api.accounts import bulk, imports
from channels_api.models import Progress

KEPT_FOR = timedelta(days=30)  # so long a client can ask for the results

State = Progress.WorkflowState

# Each does the next part, and returns the per cent done and a sentence.
_STEPS: dict[str, Callable[[Progress], tuple[int, str]]] = {
    Progress.Tag.IMPORT: imports.do_batch,
    Progress.Tag.RESET: bulk.reset_scheduled,
}


def may_see(caller: Caller, progress: Progress) -> bool:
    """Whether the caller started it, or is an admin of its account or a site admin."""
    return progress.user_id == caller.user.pk or is_account_admin(caller.user, progress.account_id)


def step(progress_id: int) -> bool:
    """Do the next part, where there is one; returns whether there is more to do."""
    waiting = Progress.objects.waiting().select_related("account", "user", "actor", "developer_key")
    progress = waiting.filter(pk=progress_id).first()
    if progress is None:
        return False
    if progress.user is not None and not progress.user.is_active:
        Progress.objects.mark_failed(progress_id, "who asked for it is deactivated")
        return False
    completion, message = _STEPS[progress.tag](progress)
    done = completion == 100
    progress.workflow_state = State.COMPLETED if done else State.RUNNING
    progress.completion, progress.message, progress.failure = completion, message, ""
    progress.save(update_fields=["workflow_state", "completion", "message", "failure", "updated_at"])
    return not done


def prune() -> int:
    """Forget what ended long ago, with its results; returns how many rows."""
    return Progress.objects.filter(created_at__lt=timezone.now() - KEPT_FOR).delete()[0]
