"""What the registry keeps of a person: to hand it to them, and to forget it."""

from itertools import groupby
from typing import Any

from django.db.models import F, Q

from canvas_channels.core.identity.models import User
from channels_api import audit
from channels_api.accounts import imports
from channels_api.addresses import compared
from channels_api.devices import registration
from channels_api.models import LIVE, CommunicationChannel, Confirmation, Progress, PushDevice, SecurityNotice

_INTERNAL = {"user", "address_folded", "shown_folded"}
_CHANNEL_FIELDS = [
    field.name for field in CommunicationChannel._meta.concrete_fields if field.name not in _INTERNAL
]


def addresses(user: User) -> set[str]:
    """All that the user's channels have, or wait for."""
    rows = CommunicationChannel.objects.filter(user=user).exclude(type=CommunicationChannel.Type.PUSH)
    return {address for row in rows.values_list("address", "pending_address") for address in row if address}


def own_addresses(user: User) -> set[str]:
    """Those that no other user has too: what is said of a shared one is also said of them."""
    folded = CommunicationChannel.objects.filter(user=user).values("address_folded")
    others = CommunicationChannel.objects.filter(LIVE, address_folded__in=folded).exclude(user=user)
    shared = set(others.values_list("address_folded", flat=True))
    return {address for address in addresses(user) if compared(address) not in shared}


def endpoints(user: User) -> set[str]:
    """The ARNs by which Amazon SNS knows the user's devices."""
    found = PushDevice.objects.filter(user=user).exclude(endpoint_arn="")
    return set(found.values_list("endpoint_arn", flat=True))


def exported(user: User) -> dict[str, Any]:
    """Channels with their confirmations, devices without their tokens, the audit trail about the user."""
    confirmations = Confirmation.objects.filter(user=user).order_by("channel", "pk")
    asked = {
        channel_id: [
            {"workflow_state": row.workflow_state, "created_at": row.created_at, "sent_at": row.sent_at}
            for row in rows
        ]
        for channel_id, rows in groupby(confirmations, key=lambda row: row.channel_id)
    }
    channels = CommunicationChannel.objects.filter(user=user).order_by("position", "pk")
    devices = PushDevice.objects.filter(user=user).order_by("pk")
    told = SecurityNotice.objects.filter(user=user).order_by("pk")
    done = audit.of_user(user.pk).order_by("pk")
    return {
        "communication_channels": [
            row | {"confirmations": asked.get(row["id"], [])} for row in channels.values(*_CHANNEL_FIELDS)
        ],
        "security_notices": list(
            told.values("type", "address", "kind", "about", "workflow_state", "created_at", "sent_at")
        ),
        "push_devices": list(
            devices.values(
                *("id", "workflow_state", "created_at", "last_seen_at"),
                developer_key_name=F("developer_key__name"),
            )
        ),
        "audit": list(
            done.values(
                *("id", "created_at", "action", "channel_id", "actor_id", "acting_as_id", "details"),
                developer_key_name=F("developer_key__name"),
            )
        ),
        "tasks": list(_tasks(user).values("id", "tag", "workflow_state", "created_at")),
    }


def erase(user: User) -> dict[str, int]:
    """Forget the user's channels, and all that hangs on them; returns how much of what.

    Runs in the caller's transaction, which holds the user's row lock. The audit trail stays, without the
    channels that it was about. What they had begun as an admin is given up: nobody asks for it any more.
    """
    erased = {"import_rows": imports.forget(user), "push_devices": registration.forget(user.pk)}
    for task in _tasks(user).waiting():
        Progress.objects.mark_failed(task.pk, "who asked for it was erased")
    SecurityNotice.objects.filter(user=user).delete()
    _, counts = CommunicationChannel.objects.filter(user=user).delete()
    return erased | {"communication_channels": counts.get(CommunicationChannel._meta.label, 0)}


def _tasks(user: User) -> Any:
    return Progress.objects.filter(Q(user=user) | Q(actor=user)).order_by("pk")
