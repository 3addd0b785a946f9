"""What SNS tells of platform endpoints, and what it changes on our devices.

https://docs.aws.amazon.com/sns/latest/dg/application-event-notifications.html. An event that may be old news
is not believed: the endpoint is looked at as it is now.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson
from django.db.models import Q
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from channels_api.models import PushDevice
from channels_api.models.devices import PushDeviceQuerySet
from notifications.gateways import EndpointGone, TransportError, push
from notifications.gateways.push import DISABLED

State = PushDevice.WorkflowState
Change = Callable[[], None]

# Failures that say that the token is dead; others (a message that was too late or too large) do not.
_DEAD_TOKEN = {"InvalidPlatformToken", "EndpointDisabled"}
_NOT_THE_DEVICES = {"NotificationTTLExpired"}


def read(text: str, received_at: datetime) -> Change:
    """What an event changes, to be run in a transaction. Asks SNS where the event leaves it open.

    An event that does not say when it happened, or that is yet to, happened at ``received_at``. Raises
    :class:`TransportError`.
    """
    event = _parse(text)
    arn = event["EndpointArn"]
    registered = PushDevice.objects.filter(endpoint_arn=arn, workflow_state=State.REGISTERED)
    at = min(_time(event) or received_at, received_at)
    match event.get("EventType"):
        case "EndpointDeleted":
            return lambda: _register_again(registered, at)
        case "EndpointUpdated":
            return _look(arn, registered)
        case "DeliveryFailure" if event.get("FailureType") in _DEAD_TOKEN:
            newer = Q(synced_at__gt=at) | Q(last_seen_at__gt=at)
            if registered.filter(newer).exists():
                return _look(arn, registered)
            reason = f"{DISABLED} ({event['FailureType']})"
            return lambda: registered.exclude(newer).mark_dead(reason)
        case "DeliveryFailure" if event.get("FailureType") not in _NOT_THE_DEVICES:
            return _look(arn, registered)
        case _:
            return _nothing


def _parse(text: str) -> dict[str, Any]:
    try:
        event: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        event = {}
    arn = event.get("EndpointArn") if isinstance(event, dict) else None
    if not isinstance(arn, str) or "\x00" in arn or ":endpoint/" not in arn:
        raise TransportError("The message is no event of an SNS endpoint", permanent=True)
    return dict(event)


def _look(arn: str, registered: PushDeviceQuerySet) -> Change:
    """Raises :class:`TransportError`. A device that a job synced after the look is newer than that."""
    looked_at = timezone.now()
    device = registered.first()
    if device is None:
        return _nothing
    try:
        found = push.attributes(arn, device.token)
    except EndpointGone:
        return lambda: _register_again(registered, looked_at)
    if found.get("Enabled", "").lower() == "false":
        return lambda: registered.exclude(synced_at__gt=looked_at).mark_dead(DISABLED)
    return lambda: _sync(registered)


def _register_again(registered: PushDeviceQuerySet, gone_at: datetime) -> None:
    """Nothing reaches those that were not synced since; SNS is looked at for all."""
    ids = _ids(registered)
    PushDevice.objects.filter(pk__in=ids).exclude(synced_at__gt=gone_at).mark_unsynced()
    PushDevice.job.ask_again(ids)


def _sync(registered: PushDeviceQuerySet) -> None:
    PushDevice.job.ask_again(_ids(registered))


def _nothing() -> None:
    """An endpoint that was made, a message that came too late, a device that is gone."""


def _ids(registered: PushDeviceQuerySet) -> list[int]:
    """Locked in one order. A token has a device a developer key, so they are few."""
    return [device.pk for device in registered.select_for_update().order_by("pk")]


def _time(event: dict[str, Any]) -> datetime | None:
    """When it happened; None where the event does not say."""
    try:
        found = parse_datetime(str(event.get("Time") or ""))
    except ValueError:
        return None
    return found if found and timezone.is_aware(found) else None
