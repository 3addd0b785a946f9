"""The audit trail: who did what to whose channels, acting as whom, from which key."""

from collections.abc import Iterable
from typing import Any

from canvas_channels.identity.callers import Caller
from channels_api.models import AuditEntry


def record(
    caller: Caller | None, action: str, *, user_id: int | None, channel_id: int | None = None, **details: Any
) -> None:
    """Write an entry. ``caller`` None: the service itself; ``user_id`` None: no single user's channels.

    ``details`` hold no address and no token.
    """
    _entry(caller, action, user_id, channel_id, details).save(force_insert=True)


def record_all(caller: Caller | None, action: str, channels: Iterable[tuple[int, int]]) -> None:
    """Write an entry for each channel, given as its own id and its user's, in one statement."""
    AuditEntry.objects.bulk_create(
        _entry(caller, action, user_id, channel_id, {}) for channel_id, user_id in channels
    )


def _entry(
    caller: Caller | None, action: str, user_id: int | None, channel_id: int | None, details: dict[str, Any]
) -> AuditEntry:
    key = caller.developer_key if caller else None
    return AuditEntry(
        user_id=user_id,
        channel_id=channel_id,
        action=action,
        actor_id=caller.actor.pk if caller else None,
        acting_as_id=caller.user.pk if caller and caller.acting else None,
        developer_key_id=key.pk if key else None,
        details=details,
    )
