"""The CommunicationChannel object (docs/contract.md, section 3)."""

from typing import Any

from django.db.models import CharField, Func
from django.db.models.expressions import Combinable

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
    "institutional",
    "pending_address",
)
BOUNCE_DETAILS = (
    "last_bounce_summary",
    "last_suppression_bounce_at",
    "last_transient_bounce_at",
    "last_transient_bounce_summary",
)


def fields_for(*, bounce_details: bool) -> tuple[str, ...]:
    """The columns to read; ``bounce_details`` are for site admins only."""
    return FIELDS + BOUNCE_DETAILS if bounce_details else FIELDS


class Timestamp(Func):
    """What ``rest.errors.timestamp`` makes of a column, made by PostgreSQL: cheaper for many rows."""

    template = """to_char(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')"""
    output_field = CharField()


def columns(fields: tuple[str, ...]) -> list[str | Combinable]:
    """For ``values_list``: rows that are answered as they are."""
    return [Timestamp(field) if field.endswith("_at") else field for field in fields]


def channel_object(channel: CommunicationChannel, *, bounce_details: bool = False) -> dict[str, Any]:
    return {field: getattr(channel, field) for field in fields_for(bounce_details=bounce_details)}
