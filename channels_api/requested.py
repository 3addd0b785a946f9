"""The confirmations that wait, by a statement compiled once: a worker reads one for every message."""

from canvas_channels.statements import Statement
from channels_api.models import Confirmation

REQUESTED = Statement(
    lambda confirmation_id: Confirmation.objects.filter(
        pk=confirmation_id, workflow_state=Confirmation.WorkflowState.REQUESTED
    ).select_related("channel", "user__home_account"),
    confirmation_id=-1,
)
