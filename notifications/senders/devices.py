"""Bringing SNS in line with a device's row: reconciled, never replayed.

The procedure is Amazon's ("Create a platform endpoint and manage device tokens",
https://docs.aws.amazon.com/sns/latest/dg/mobile-platform-endpoint.html), with what is known to go wrong:
an endpoint disabled or deleted behind our back, a token that exists with other attributes, a device that
changed hands, an application that was replaced.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from canvas_channels.core import metrics
from channels_api.devices import registration
from channels_api.models import PushDevice
from notifications.gateways import EndpointExists, EndpointGone, TransportError, push
from notifications.worker.together import Steps

State = PushDevice.WorkflowState

_PRUNE_AT_ONCE = 1000
# Where nothing has changed the row meanwhile, which then has a job of its own waiting.
_SETTLE = """
UPDATE channels_api_pushdevice AS device
SET workflow_state = 'registered', failure = '', synced_at = %s
FROM unnest(%s::bigint[], %s::bigint[], %s::text[]) AS seen (id, user_id, workflow_state)
WHERE device.id = seen.id AND device.user_id = seen.user_id AND device.workflow_state = seen.workflow_state
"""


def deliver(device_ids: Sequence[int]) -> list[tuple[int, Steps]]:
    """Register or remove devices' endpoints, whatever their rows now say. One at a time per device.

    The steps raise :class:`TransportError`, and return a device that is registered now.
    """
    found = PushDevice.objects.select_related("developer_key").filter(pk__in=device_ids)
    return [(device.pk, _sync(device)) for device in found.exclude(workflow_state=State.FAILED)]


def settle(results: Mapping[int, PushDevice | None]) -> None:
    """Mark as registered what :func:`deliver` returned."""
    registered = [device for device in results.values() if device]
    if registered:
        seen = [(device.pk, device.user_id, device.workflow_state) for device in registered]
        with connection.cursor() as cursor:
            cursor.execute(_SETTLE, [timezone.now(), *map(list, zip(*seen, strict=True))])


def mark_dead(device: PushDevice, reason: str) -> None:
    """By what SNS says of its endpoint; not where a job synced it meanwhile."""
    same = PushDevice.objects.filter(
        pk=device.pk,
        user=device.user_id,
        workflow_state=State.REGISTERED,
        endpoint_arn=device.endpoint_arn,
        synced_at=device.synced_at,
    )
    same.mark_dead(reason)


@transaction.atomic
def prune(days: int) -> int:
    """Remove devices that did not register for so many days; returns how many (a batch at most)."""
    silent = PushDevice.objects.filter(last_seen_at__lt=timezone.now() - timedelta(days=days))
    batch = silent.exclude(workflow_state=State.REMOVED).order_by("last_seen_at").values_list("pk", flat=True)
    return registration.remove(Q(pk__in=list(batch[:_PRUNE_AT_ONCE])), reason="unheard_of")


def _sync(device: PushDevice) -> Steps:
    with metrics.delivery("push"):
        if device.workflow_state == State.REMOVED:
            yield from _remove(device)
            return None
        yield from _register(device)  # may change the state
        return device


def _register(device: PushDevice) -> Steps:
    application = device.developer_key.sns_arn
    if not application:
        raise TransportError("The developer key names no SNS platform application", permanent=True)
    arn = device.endpoint_arn
    if not arn or not push.belongs_to(arn, application):
        _not_in_line(device)
        arn = yield from _create(device, application)
    try:
        yield from _bring_in_line(device, arn)
    except EndpointGone:
        # Deleted behind our back, or between our two calls: once more, then it is left for later.
        _not_in_line(device)
        arn = yield from _create(device, application)
        try:
            yield from _bring_in_line(device, arn)
        except EndpointGone:
            raise TransportError("The endpoint vanishes as soon as it is made") from None


def _create(device: PushDevice, application: str) -> Steps:
    """Make the endpoint, or adopt the one that the token has; its ARN, which is kept at once, is returned."""
    try:
        arn = yield partial(push.create, application, device.token, _owner(device))
    except EndpointExists as found:
        arn = found.arn
    if not push.belongs_to(arn, application):
        raise TransportError("SNS answers with the endpoint of another application", permanent=True)
    device.endpoint_arn = arn
    PushDevice.objects.filter(pk=device.pk).update(endpoint_arn=arn, updated_at=timezone.now())
    return arn


def _bring_in_line(device: PushDevice, arn: str) -> Steps:
    """Raises :class:`EndpointGone`."""
    found = yield partial(push.attributes, arn, device.token)
    right = (
        found.get("Enabled", "").lower() == "true"
        and _same_token(device, found)
        and found.get("CustomUserData", "") == _owner(device)
    )
    if not right:
        _not_in_line(device)
        yield partial(push.enable, arn, device.token, _owner(device))


def _not_in_line(device: PushDevice) -> None:
    """Nothing reaches it until what follows succeeds, and that may be refused."""
    registered = PushDevice.objects.filter(pk=device.pk, user=device.user_id, workflow_state=State.REGISTERED)
    if device.workflow_state == State.REGISTERED and registered.mark_unsynced():
        device.workflow_state = State.PENDING


def _remove(device: PushDevice) -> Steps:
    """Delete the endpoint where it is still this device's, and forget its ARN."""
    arn = device.endpoint_arn
    if arn and not _shared(device) and (yield from _still_ours(device, arn)):
        yield partial(push.delete, arn)
    removed = PushDevice.objects.filter(pk=device.pk)
    removed.update(endpoint_arn="", failure="")
    removed.filter(workflow_state=State.REMOVED, token="").delete()  # an erased user's: nothing is kept


def _still_ours(device: PushDevice, arn: str) -> Steps:
    try:
        found = yield partial(push.attributes, arn, device.token or arn)
    except EndpointGone:
        return False
    mine = found.get("CustomUserData", "") == _owner(device)
    return mine and (not device.token or _same_token(device, found))  # an erased user's token is forgotten


def _shared(device: PushDevice) -> bool:
    """Whether the same token is registered under another key of the same application."""
    same = PushDevice.objects.filter(
        developer_key__sns_arn=device.developer_key.sns_arn, token_digest=device.token_digest
    )
    return same.exclude(pk=device.pk).exclude(workflow_state=State.REMOVED).exists()


def _same_token(device: PushDevice, found: dict[str, str]) -> bool:
    """APNS tokens come back in lower case; FCM's are opaque and their case counts."""
    kept, shown = device.token, found.get("Token", "")
    if ":endpoint/GCM/" in device.endpoint_arn:
        return kept == shown
    return kept.lower() == shown.lower()


def _owner(device: PushDevice) -> str:
    """``CustomUserData``: the owner's id, and nothing personal."""
    return str(device.user_id)
