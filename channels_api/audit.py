"""The audit trail: who did what to whose channels, acting as whom, from which key.

A table of our own, not django-auditlog's or pghistory's: those keep the columns that a statement changed,
addresses and tokens among them, and of who did it the session's user. Here an entry is what somebody meant to
do, with whom they acted as and their key, and holds nothing that an erasure would have to remove.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import BooleanField, OuterRef, QuerySet, Subquery, TextField
from django.db.models.expressions import RawSQL
from django.db.models.functions import Cast, Now

from canvas_channels.core.identity.callers import Caller
from canvas_channels.core.postgresql import replica
from canvas_channels.core.statements import insert
from channels_api.models import AuditEntry, CommunicationChannel


class Action(StrEnum):
    """What can be recorded; clients filter by it."""

    CREATE = "create"
    REVIVE = "revive"
    RETIRE = "retire"
    CONFIRM = "confirm"
    REFUSE = "refuse"
    RESEND = "resend"
    TEST = "test"
    CHANGE_ADDRESS = "change_address"
    REQUEST_ADDRESS_CHANGE = "request_address_change"
    CANCEL_ADDRESS_CHANGE = "cancel_address_change"
    MOVE = "move"
    SET_INSTITUTIONAL = "set_institutional"
    BOUNCE = "bounce"
    RESET_BOUNCE_COUNT = "reset_bounce_count"
    IMPORT = "import"
    SET_PREFERENCES = "set_preferences"
    SET_PREFERENCE_DEFAULTS = "set_preference_defaults"
    SEND_NOTIFICATION = "send_notification"
    CANCEL_NOTIFICATION = "cancel_notification"
    SET_MESSAGE_FRAME = "set_message_frame"
    SET_COURSE_PREFERENCES = "set_course_preferences"
    SET_QUIET_HOURS = "set_quiet_hours"
    SET_ACCOUNT_SETTINGS = "set_account_settings"
    REGISTER_DEVICE = "register_device"
    REMOVE_DEVICE = "remove_device"
    DEVICE_MOVED_AWAY = "device_moved_away"
    DEVICE_MOVED_HERE = "device_moved_here"
    ACT_AS = "act_as"
    STOP_ACTING_AS = "stop_acting_as"
    ERASE = "erase"
    CREATE_USER = "create_user"
    CHANGE_USER = "change_user"
    PASSWORD_RESET = "password_reset"  # noqa: S105 - what was done
    PASSWORD_CHANGE = "password_change"  # noqa: S105 - what was done


def record(
    caller: Caller | None,
    action: Action,
    *,
    user_id: int | None,
    channel_id: int | None = None,
    **details: Any,
) -> None:
    """Write an entry. ``caller`` None: the service itself, or anyone who follows a link that was sent.

    ``user_id`` None: no single user's channels. ``details`` hold no address and no token.
    """
    insert(_entry(caller, action, user_id, channel_id, details))


def prepare(
    caller: Caller | None, action: Action, channel: CommunicationChannel, **details: Any
) -> AuditEntry:
    """The entry of a channel that is written with it."""
    return _entry(caller, action, channel.user_id, channel.pk, details)


def record_all(
    caller: Caller | None, action: Action, channels: Iterable[tuple[int, int]], **details: Any
) -> None:
    """Write an entry for each channel, given as its own id and its user's, in one statement."""
    AuditEntry.objects.bulk_create(
        _entry(caller, action, user_id, channel_id, details) for channel_id, user_id in channels
    )


def record_device(caller: Caller | None, action: Action, *, user_id: int, device_id: int) -> None:
    insert(_entry(caller, action, user_id, None, {"device_id": device_id}))


def record_devices(
    caller: Caller | None, action: Action, devices: Iterable[tuple[int, int]], **details: Any
) -> None:
    """Write an entry for each device, given as its own id and its user's, in one statement."""
    AuditEntry.objects.bulk_create(
        _entry(caller, action, user_id, None, {"device_id": device_id, **details})
        for device_id, user_id in devices
    )


def of_user(user_id: int) -> QuerySet[AuditEntry]:
    """What was done to a user's channels, newest first, with who did it and from which key."""
    entries = AuditEntry.objects.filter(user=user_id).select_related("actor", "developer_key")
    return entries.order_by("-created_at", "-id")


def changes(user: str) -> Subquery:
    """The entries of late of the user whose id is in a column, as text: each change of channels has one.

    NULL where there was none for ``replica.RECENT``.
    """
    late = AuditEntry.objects.filter(user=OuterRef(user), created_at__gt=Now() - replica.RECENT)
    ids = late.order_by().values("user").annotate(ids=Cast(ArrayAgg("id"), TextField()))
    return Subquery(ids.values("ids"))


def has_all(changes: str) -> RawSQL:
    """Whether those entries are there."""
    table = AuditEntry._meta.db_table
    return RawSQL(  # noqa: S611
        f'(SELECT count(*) FROM "{table}" WHERE id = ANY(%s::bigint[])) = cardinality(%s::bigint[])',  # noqa: S608
        (changes, changes),
        BooleanField(),
    )


def _entry(
    caller: Caller | None,
    action: Action,
    user_id: int | None,
    channel_id: int | None,
    details: dict[str, Any],
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
