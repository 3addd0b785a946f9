"""Bringing SNS in line with a device's row: reconciled, never replayed.

The procedure is Amazon's ("Create a platform endpoint and manage device tokens",
https://docs.aws.amazon.com/sns/latest/dg/mobile-platform-endpoint.html), with what is known to go wrong:
an endpoint disabled or deleted behind our back, a token that exists with other attributes, a device that
changed hands, an application that was replaced.
"""

from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from canvas_channels.core import metrics
from canvas_channels.core.statements import Statement
from channels_api.devices import registration
from channels_api.models import PushDevice
from notifications.gateways import EndpointExists, EndpointGone, TransportError, push

State = PushDevice.WorkflowState

_PRUNE_AT_ONCE = 1000
_BY_ID = Statement(
    lambda device_id: PushDevice.objects.select_related("developer_key").filter(pk=device_id), device_id=-1
)


@metrics.delivery("push")
def sync_device(device_id: int) -> None:
    """Register or remove a device's endpoint, whatever its row now says. One at a time per device.

    Raises :class:`TransportError`. A row that changes meanwhile has a job of its own waiting.
    """
    found = _BY_ID.fetch_first(device_id=device_id)
    device = found[0] if found else None
    if device is None or device.workflow_state == State.FAILED:
        return
    if device.workflow_state == State.REMOVED:
        _remove(device)
        return
    _register(device)  # may change the state
    unchanged = PushDevice.objects.filter(
        pk=device.pk, user=device.user_id, workflow_state=device.workflow_state
    )
    unchanged.update(workflow_state=State.REGISTERED, failure="", synced_at=timezone.now())


def mark_dead(device: PushDevice, reason: str) -> None:
    """Nothing reaches it until its app registers again; not where a job synced it meanwhile."""
    same = PushDevice.objects.filter(
        pk=device.pk,
        user=device.user_id,
        workflow_state=State.REGISTERED,
        endpoint_arn=device.endpoint_arn,
        synced_at=device.synced_at,
    )
    same.update(workflow_state=State.FAILED, failure=reason, updated_at=timezone.now())


@transaction.atomic
def prune(days: int) -> int:
    """Remove devices that did not register for so many days; returns how many (a batch at most)."""
    silent = PushDevice.objects.filter(last_seen_at__lt=timezone.now() - timedelta(days=days))
    batch = silent.exclude(workflow_state=State.REMOVED).order_by("last_seen_at").values_list("pk", flat=True)
    return registration.remove(Q(pk__in=list(batch[:_PRUNE_AT_ONCE])), reason="unheard_of")


def _register(device: PushDevice) -> None:
    """Raises :class:`TransportError`."""
    application = device.developer_key.sns_arn
    if not application:
        raise TransportError("The developer key names no SNS platform application", permanent=True)
    arn = device.endpoint_arn
    if not arn or not push.belongs_to(arn, application):
        _not_in_line(device)
        arn = _create(device, application)
    try:
        _bring_in_line(device, arn)
    except EndpointGone:
        # Deleted behind our back, or between our two calls: once more, then it is left for later.
        _not_in_line(device)
        arn = _create(device, application)
        try:
            _bring_in_line(device, arn)
        except EndpointGone:
            raise TransportError("The endpoint vanishes as soon as it is made") from None


def _create(device: PushDevice, application: str) -> str:
    """Make the endpoint, or adopt the one that the token has; its ARN is kept at once."""
    try:
        arn = push.create(application, device.token, _owner(device))
    except EndpointExists as found:
        arn = found.arn
    if not push.belongs_to(arn, application):
        raise TransportError("SNS answers with the endpoint of another application", permanent=True)
    device.endpoint_arn = arn
    device.save(update_fields=["endpoint_arn", "updated_at"])
    return arn


def _bring_in_line(device: PushDevice, arn: str) -> None:
    """Raises :class:`EndpointGone`."""
    found = push.attributes(arn, device.token)
    right = (
        found.get("Enabled", "").lower() == "true"
        and _same_token(device, found)
        and found.get("CustomUserData", "") == _owner(device)
    )
    if not right:
        _not_in_line(device)
        push.enable(arn, device.token, _owner(device))


def _not_in_line(device: PushDevice) -> None:
    """Nothing reaches it until what follows succeeds, and that may be refused."""
    registered = PushDevice.objects.filter(pk=device.pk, user=device.user_id, workflow_state=State.REGISTERED)
    if registered.update(workflow_state=State.PENDING, updated_at=timezone.now()):
        device.workflow_state = State.PENDING


def _remove(device: PushDevice) -> None:
    """Delete the endpoint where it is still this device's, and forget its ARN."""
    arn = device.endpoint_arn
    if arn and not _shared(device) and _still_ours(device, arn):
        push.delete(arn)
    removed = PushDevice.objects.filter(pk=device.pk)
    removed.update(endpoint_arn="", failure="")
    removed.filter(workflow_state=State.REMOVED, token="").delete()  # an erased user's: nothing is kept


def _still_ours(device: PushDevice, arn: str) -> bool:
    try:
        found = push.attributes(arn, device.token or arn)
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
