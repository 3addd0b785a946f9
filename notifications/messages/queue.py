"""Asking for messages to be delivered."""

from collections.abc import Sequence

from canvas_channels.core import outbox
from canvas_channels.core.outbox import Job

DELIVER = Job("notifications.deliver_messages", "message", "message_ids")
AT_ONCE = 50  # messages a job


def ask(message_ids: Sequence[int], *, bulk: bool = True) -> None:
    """Deliver messages that are ``created``; runs in the caller's transaction.

    ``bulk``: they wait behind what somebody at a screen asked for.
    """
    priority = outbox.BULK if bulk else outbox.FIRST
    DELIVER.ask_in_batches(message_ids, AT_ONCE, priority=priority)
