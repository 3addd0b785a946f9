"""What there is here of what Canvas has."""

from collections import Counter
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db import connection

from canvas_channels.core.identity.models import Login, User
from channels_api.addresses import compared
from channels_api.models import AuditEntry, CommunicationChannel, Confirmation, SecurityNotice
from notifications.models import MovedRow, Notification, NotificationPreference
from tests.notifications.canvas_import.people import NOTIFICATIONS, Tables

Channel = CommunicationChannel
_CHANNEL = (
    "id",
    "user_id",
    "type",
    "address",
    "position",
    "workflow_state",
    "bounce_count",
    "last_bounce_summary",
)


def check(tables: Tables, *, api: bool = False) -> None:
    """Everybody is here, once, with all that is theirs. ``api``: it tells less."""
    users = User.objects.values_list(
        *("id", "name", "short_name", "sortable_name", "locale", "time_zone", "created_at")
    )
    assert sorted(users) == sorted(
        (
            *(row[name] for name in ("id", "name", "short_name", "sortable_name")),
            row["locale"] or "",
            "Europe/Berlin" if row["time_zone"] else ("America/Denver" if api else ""),
            datetime.fromisoformat(row["created_at"]),
        )
        for row in tables["users"]
    )
    if not api:
        kept = User.objects.values_list("id", "workflow_state")
        assert sorted(kept) == sorted((row["id"], row["workflow_state"]) for row in tables["users"])
    logins = Login.objects.values_list("id", "user_id", "unique_id", "sis_user_id")
    assert sorted(logins) == sorted(
        (row["id"], row["user_id"], row["unique_id"], row["sis_user_id"]) for row in tables["pseudonyms"]
    )
    channels = Channel.objects.values_list(*_CHANNEL)
    expected = tables["communication_channels"]
    assert sorted(channels) == sorted(
        tuple({"type": row["path_type"], "address": row["path"], **row}[name] for name in _CHANNEL)
        for row in expected
    )
    assert all(
        each.address_folded == compared(each.address) and each.made_with_user
        for each in Channel.objects.all()
    )
    ids = {row["id"] for row in expected}
    slugs = {pk: name.lower().replace(" ", "_") for pk, name in NOTIFICATIONS.items()}
    preferences = NotificationPreference.objects.values_list("channel_id", "notification__slug", "frequency")
    assert sorted(preferences) == sorted(
        (row["communication_channel_id"], slugs[row["notification_id"]], row["frequency"])
        for row in tables["notification_policies"]
    )
    entries = AuditEntry.objects.filter(action="import", details={"source": "canvas"})
    assert Counter(entries.values_list("channel_id", flat=True)) == Counter(ids)
    check_nothing_is_sent()


def check_nothing_is_sent() -> None:
    assert not Confirmation.objects.exists()
    assert not SecurityNotice.objects.exists()
    assert not apps.get_model("procrastinate", "ProcrastinateJob").objects.exists()


def dump() -> dict[str, Any]:
    """All that an import may write, and the ids that come next."""
    models = (User, Login, Channel, NotificationPreference, AuditEntry, MovedRow, Notification)
    with connection.cursor() as cursor:
        cursor.execute("SELECT sequencename, last_value FROM pg_sequences ORDER BY sequencename")
        sequences = dict(cursor.fetchall())
    rows = {model.__name__: list(model._default_manager.order_by("pk").values()) for model in models}
    return rows | {"sequences": sequences}
