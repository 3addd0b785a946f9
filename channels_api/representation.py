"""The CommunicationChannel object (the contract's section 3)."""

from typing import Any

from channels_api.models import CommunicationChannel

FIELDS = (
    "id",
    "address",
    "type",
    "position",
    "user_id",
    "workflow_state",
    "bounce_count",
    "last_bounce_at",
    "created_at",
)
BOUNCE_DETAILS = (
    "last_bounce_summary",
    "last_suppression_bounce_at",
    "last_transient_bounce_at",
    "last_transient_bounce_summary",
)


def fields_for(*, bounce_details: bool) -> tuple[str, ...]:
    """The columns to read for whoever may see bounce details (a site admin), or may not."""
    return FIELDS + BOUNCE_DETAILS if bounce_details else FIELDS


def channel_object(channel: CommunicationChannel, *, bounce_details: bool = False) -> dict[str, Any]:
    return {field: getattr(channel, field) for field in fields_for(bounce_details=bounce_details)}
