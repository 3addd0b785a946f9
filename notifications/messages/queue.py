"""Asking for messages to be delivered."""

from collections.abc import Sequence

from channels_api import outbox

DELIVER = "notifications.deliver_messages"
AT_ONCE = 50  # messages a job


def ask(message_ids: Sequence[int], *, bulk: bool = True) -> None:
    """Deliver messages that are ``created``; runs in the caller's transaction.

    ``bulk``: they wait behind what somebody at a screen asked for.
    """
    priority = outbox.BULK if bulk else outbox.FIRST
    outbox.ask_in_batches(DELIVER, "message_ids", message_ids, AT_ONCE, priority=priority)
