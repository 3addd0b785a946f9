"""Addresses that were written by a version to which one mailbox in several spellings was several.

Such a version may still run beside this one, so a periodic job does what the migration did.
"""

import logging
from collections.abc import Iterator
from typing import Any

from django.apps import apps as installed
from django.db import transaction
from django.utils import timezone

from channels_api.addresses import clean_phone_number, compared, fold, mailbox
from channels_api.errors import InvalidAddress
from channels_api.models import LIVE, SPELLED_OTHERWISE, CommunicationChannel

AT_ONCE = 500

logger = logging.getLogger(__name__)


def settle(apps: Any = installed) -> int:
    """Bring the compared forms in line with the addresses; returns for how many users that changed something.

    ``apps``: the registry whose models are used, in a migration the historical one. Where two live channels
    of a user become one, the first by position stays: it is active if one of them was, since it is the same
    mailbox, and likewise institutional. Safe to run at any time, and to run again.
    """
    channels = apps.get_model("channels_api", "CommunicationChannel").objects
    settled, last = 0, 0
    otherwise = channels.filter(SPELLED_OTHERWISE).order_by("user")
    while users := list(otherwise.filter(user__gt=last).values_list("user", flat=True).distinct()[:AT_ONCE]):
        settled += sum(_settle_user(apps, user_id) for user_id in users)
        last = users[-1]
    return settled


def refused() -> Iterator[tuple[CommunicationChannel, str]]:
    """Live channels with an address that no message is sent to any more, and why; by their ids."""
    last = 0
    live = CommunicationChannel.objects.filter(LIVE).exclude(type=CommunicationChannel.Type.PUSH)
    while batch := list(live.filter(pk__gt=last).order_by("pk")[:AT_ONCE]):
        for channel in batch:
            try:
                if channel.type == CommunicationChannel.Type.EMAIL:
                    mailbox(channel.address)
                else:
                    clean_phone_number(channel.address, None)
            except InvalidAddress as error:
                yield channel, str(error)
        last = batch[-1].pk


def _settle_user(apps: Any, user_id: int) -> bool:
    channels = apps.get_model("channels_api", "CommunicationChannel").objects.filter(
        user=user_id, type="email"
    )
    requests = apps.get_model("channels_api", "Confirmation").objects.filter(channel__user=user_id)
    if not _unsettled(channels) and not _asked_otherwise(channels, requests):
        return False
    with transaction.atomic():
        users = apps.get_model("identity", "User").objects.select_for_update(no_key=True)
        users.get(pk=user_id)
        list(channels.select_for_update(no_key=True).order_by("pk"))
        for request_id, address in _asked_otherwise(channels, requests):
            requests.filter(pk=request_id).update(address_folded=address)
        _merge(apps, channels)
        for channel in _unsettled(channels):
            channel.address_folded, channel.shown_folded = _forms(channel.address)
            channel.save(update_fields=["address_folded", "shown_folded"])
    return True


def _merge(apps: Any, channels: Any) -> None:
    """Leave one live channel of each mailbox."""
    kept: dict[str, Any] = {}
    for channel in channels.filter(LIVE).order_by("position", "pk"):
        first = kept.setdefault(compared(channel.address), channel)
        if first is channel:
            continue
        if channel.workflow_state == "active":
            first.workflow_state = "active"
        first.institutional = first.institutional or channel.institutional
        now = timezone.now()
        channels.filter(pk=channel.pk).update(
            workflow_state="retired", pending_address=None, retired_at=now, updated_at=now
        )
        channels.filter(pk=first.pk).update(
            workflow_state=first.workflow_state, institutional=first.institutional, updated_at=now
        )
        apps.get_model("channels_api", "AuditEntry").objects.create(
            user_id=channel.user_id,
            channel_id=channel.pk,
            action="retire",
            details={"reason": "same_mailbox", "kept": first.pk},
        )
        logger.info("channel retired: another has its mailbox", extra={"channel": channel.pk})


def _unsettled(channels: Any) -> list[Any]:
    return [row for row in channels if (row.address_folded, row.shown_folded) != _forms(row.address)]


def _asked_otherwise(channels: Any, requests: Any) -> list[tuple[int, str]]:
    """Confirmations of an address that has another form now, by their ids, each with that form."""
    forms = {
        (row.pk, fold(address)): compared(address)
        for row in channels
        for address in (row.address, row.pending_address)
        if address and fold(address) != compared(address)
    }
    asked = requests.filter(channel__in={pk for pk, _ in forms}, address_folded__in={old for _, old in forms})
    found = asked.values_list("pk", "channel", "address_folded")
    return [(pk, forms[channel, old]) for pk, channel, old in found if (channel, old) in forms]


def _forms(address: str) -> tuple[str, str | None]:
    found = compared(address)
    return found, None if fold(address) == found else fold(address)
