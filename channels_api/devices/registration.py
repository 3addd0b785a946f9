"""Push devices: registering, moving and removing their rows; a job brings SNS in line with each.

The sources of the rules: docs/contract.md, section 4 and Amazon's "create a platform endpoint" pages.
"""

import hashlib
import re
from collections.abc import Collection
from datetime import timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from canvas_channels.core.identity.callers import Caller, Subject
from canvas_channels.core.identity.models import DeveloperKey
from canvas_channels.core.outbox import AGAIN
from canvas_channels.core.postgresql.trips import Query, trips
from canvas_channels.core.statements import from_row, insert, update
from channels_api import audit, statements
from channels_api.audit import Action
from channels_api.errors import InvalidValue, NoSuchDevice, NotPermitted, Reason, RefusedValue
from channels_api.models import PushDevice

State = PushDevice.WorkflowState

_ALL = [field.name for field in PushDevice._meta.concrete_fields if not field.primary_key]

LOOK_AFTER = timedelta(hours=1)  # an app registers whenever it starts

_APNS_TOKEN = re.compile(r"(?:[0-9A-Fa-f]{2}){32,100}")  # 64 to 200 digits, an even number
_FCM_TOKEN = re.compile(r"[!-~]{1,4096}")  # opaque


def digest(token: str) -> str:
    """What a token is looked up by: its case does not count, and it may be too long for an index."""
    return hashlib.sha256(token.lower().encode()).hexdigest()


def usable_key(subject: Subject) -> DeveloperKey:
    """The key that the caller's devices register under. Raises :class:`ChannelError` where there is none.

    A right, so checked first: only for oneself, and never while acting as somebody.
    """
    caller = subject.caller
    if caller is None or not subject.in_person:
        raise NotPermitted
    if caller.token is None:
        raise RefusedValue("type", "Push is only supported when using an access token")
    if caller.developer_key is None or not caller.developer_key.sns_arn:
        raise RefusedValue("type", "SNS is not configured for this developer key")
    return caller.developer_key


def check_token(token: str | None, key: DeveloperKey) -> str:
    """Raises :class:`InvalidValue` for a token that the key's platform cannot hold."""
    if not token:
        raise InvalidValue("token", Reason.BLANK, "can't be blank")
    if not _is_token(token, key):
        raise InvalidValue("token", Reason.INVALID, f"is not a device token of {key.sns_platform}")
    return token


def _is_token(token: str, key: DeveloperKey) -> bool:
    shape = _FCM_TOKEN if key.sns_platform == "GCM" else _APNS_TOKEN
    return shape.fullmatch(token) is not None


def asked(caller: Caller, user_id: int, token: str | None) -> list[Query]:
    """What :func:`find` asks for; nothing where it is not called, as for somebody else's device."""
    key = caller.developer_key
    if not (key and token) or caller.acting or caller.user.pk != user_id or not _is_token(token, key):
        return []
    return [statements.hold_token(key.pk, digest(token)), statements.device(key.pk, digest(token))]


def find(key: DeveloperKey, token: str) -> PushDevice:
    """The device with a token (any case), or a new one that is not written yet.

    Its row is held, and nobody else makes the same one meanwhile.
    """
    [(new_id, _)] = trips().ask(statements.hold_token(key.pk, digest(token)))
    found = trips().ask(statements.device(key.pk, digest(token)))
    if found:
        return from_row(PushDevice, found[0])
    return PushDevice(pk=new_id, developer_key=key, token_digest=digest(token))


def register(subject: Subject, token: str, device: PushDevice) -> PushDevice:
    """Register what :func:`find` found for the caller; the same again changes nothing here.

    But Apple, Google or an operator may have disabled or deleted its endpoint meanwhile, so SNS is looked at
    again, once an hour at most. A token that another user registered under the same key moves: the device
    changed hands.
    """
    user = subject.user
    now = timezone.now()
    if device._state.adding:
        device.user, device.token, device.last_seen_at, device.checked_at = user, token, now, now
        insert(device)
        PushDevice.job.ask([device.pk], priority=AGAIN)
        audit.record_device(subject.caller, Action.REGISTER_DEVICE, user_id=user.pk, device_id=device.pk)
        return device
    device.last_seen_at = now
    moved_from = device.user_id if device.user_id != user.pk else None
    back = device.workflow_state == State.REMOVED
    changed = moved_from or back or device.workflow_state == State.FAILED
    if changed:
        if moved_from or back:
            device.created_at = now  # since when it is this user's
        device.user = user
        device.token = token
        device.workflow_state = State.PENDING
        device.failure = ""
    if changed or device.checked_at is None or device.checked_at <= now - LOOK_AFTER:
        device.checked_at = now
        PushDevice.job.ask_again([device.pk])
    update(device, _ALL)
    if moved_from:
        audit.record_device(subject.caller, Action.DEVICE_MOVED_AWAY, user_id=moved_from, device_id=device.pk)
        audit.record_device(subject.caller, Action.DEVICE_MOVED_HERE, user_id=user.pk, device_id=device.pk)
    elif back:
        audit.record_device(subject.caller, Action.REGISTER_DEVICE, user_id=user.pk, device_id=device.pk)
    return device


def of_user(user_id: int) -> QuerySet[PushDevice]:
    return of_users([user_id])


def of_users(user_ids: Collection[int]) -> QuerySet[PushDevice]:
    """The devices that users have registered, with their keys, in the order in which they came."""
    live = PushDevice.objects.filter(user__in=user_ids).exclude(workflow_state=State.REMOVED)
    return live.select_related("developer_key").order_by("id")


def remove_one(caller: Caller, device_id: int) -> None:
    """Unregister one of the caller's own devices. Raises :class:`NoSuchDevice`."""
    if not remove(Q(pk=device_id, user=caller.user.pk), caller):
        raise NoSuchDevice


def remove(which: Q, caller: Caller | None = None, **details: str) -> int:
    """Mark the devices that ``which`` selects as removed and have SNS told; returns how many.

    ``caller`` and ``details`` are for the audit trail.
    """
    found = PushDevice.objects.select_for_update().filter(which).exclude(workflow_state=State.REMOVED)
    owners = {device.pk: device.user_id for device in found.order_by("pk")}
    PushDevice.objects.filter(pk__in=owners).update(workflow_state=State.REMOVED, updated_at=timezone.now())
    PushDevice.job.ask_again(owners)
    audit.record_devices(caller, Action.REMOVE_DEVICE, owners.items(), **details)
    return len(owners)


def restore(subject: Subject, device_ids: Collection[int]) -> int:
    """Undo :func:`remove`: SNS is told of their tokens again; returns how many there were to be told of."""
    found = PushDevice.objects.select_for_update().filter(
        pk__in=device_ids, user=subject.user.pk, workflow_state=State.REMOVED
    )
    owners = {device.pk: device.user_id for device in found.exclude(token="").order_by("pk")}
    PushDevice.objects.filter(pk__in=owners).mark_unsynced()
    PushDevice.job.ask_again(owners)
    audit.record_devices(subject.caller, Action.REGISTER_DEVICE, owners.items())
    return len(owners)


def forget(user_id: int) -> int:
    """The user is erased: forget the tokens now, and the rows once SNS is told; returns how many."""
    found = PushDevice.objects.select_for_update().filter(user=user_id).exclude(token="")
    before = {device.pk: device.workflow_state for device in found.order_by("pk")}
    PushDevice.objects.filter(pk__in=before).update(
        workflow_state=State.REMOVED, token="", failure="", updated_at=timezone.now()
    )
    PushDevice.job.ask_again(before)
    live = [(pk, user_id) for pk, state in before.items() if state != State.REMOVED]
    audit.record_devices(None, Action.REMOVE_DEVICE, live, reason="erased")
    return len(before)


def remove_token(caller: Caller, token: str) -> int:
    """Unregister every endpoint of the caller with the token (any case), under any key."""
    return remove(Q(user=caller.user.pk, token_digest=digest(token)), caller)
