"""The audit trail: who did what to whose channels, acting as whom, from which key."""

from typing import Any

from canvas_channels.identity.callers import Caller
from channels_api.models import AuditEntry


def record(
    caller: Caller | None, action: str, *, user_id: int | None, channel_id: int | None = None, **details: Any
) -> None:
    """Write an entry. ``caller`` None: the service itself; ``user_id`` None: no single user's channels.

    ``details`` hold no address and no token.
    """
    key = caller.developer_key if caller else None
    AuditEntry.objects.create(
        user_id=user_id,
        channel_id=channel_id,
        action=action,
        actor_id=caller.actor.pk if caller else None,
        acting_as_id=caller.user.pk if caller and caller.acting else None,
        developer_key_id=key.pk if key else None,
        details=details,
    )
