"""Asking again for deliveries that failed or wait: what an operator does once the cause is mended."""

from collections.abc import Collection

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from channels_api import outbox
from channels_api.messages import limits
from channels_api.models import UNSENT, Confirmation, PushDevice, SecurityNotice

# What a confirmation is still for: a new channel, or the address that an active one changes to.
OF_USE = Q(channel__workflow_state="unconfirmed") | Q(channel__pending_address__isnull=False)

ConfirmationState = Confirmation.WorkflowState
DeviceState = PushDevice.WorkflowState


@transaction.atomic
def retry_confirmations(ids: Collection[int]) -> int:
    """Send confirmations that failed or wait; returns how many.

    None whose channel needs none any more, and none to an address that bounced of late. They count for no
    limit again.
    """
    a_week_ago = timezone.now() - limits.BOUNCED_FOR
    bounced = limits.bounced(OuterRef("channel__type"), OuterRef("address_folded"), a_week_ago)
    chosen = (
        Confirmation.objects.select_for_update(of=("self",), no_key=True)
        .filter(
            ~Exists(bounced),
            pk__in=ids,
            workflow_state__in=[ConfirmationState.REQUESTED, ConfirmationState.FAILED],
        )
        .filter(OF_USE)
    )
    found = [row.pk for row in chosen.order_by("pk")]
    Confirmation.objects.filter(pk__in=found).update(workflow_state=ConfirmationState.REQUESTED, failure="")
    outbox.send_confirmations_again(found)
    return len(found)


@transaction.atomic
def retry_security_notices(ids: Collection[int]) -> int:
    """Send security notices that failed or wait; returns how many. None goes to an address that bounces."""
    chosen = SecurityNotice.objects.select_for_update(of=("self",)).filter(UNSENT, pk__in=ids).order_by("pk")
    found = [row.pk for row in chosen]
    waiting = SecurityNotice.WorkflowState.REQUESTED
    SecurityNotice.objects.filter(pk__in=found).update(workflow_state=waiting, failure="")
    outbox.send_security_notices_again(found)
    return len(found)


@transaction.atomic
def retry_devices(ids: Collection[int]) -> int:
    """Bring SNS in line with devices again, whatever their state; returns how many."""
    found = [row.pk for row in PushDevice.objects.select_for_update().filter(pk__in=ids).order_by("pk")]
    failed = PushDevice.objects.filter(pk__in=found, workflow_state=DeviceState.FAILED)
    failed.update(workflow_state=DeviceState.PENDING, failure="", updated_at=timezone.now())
    outbox.sync_devices(found)
    return len(found)
