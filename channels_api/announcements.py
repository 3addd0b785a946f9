"""Telling a user's other addresses that one was confirmed, so that a thief of the account adds none unseen.

Knows nothing of HTTP. Where an admin vouches for an address, nothing is announced.
"""

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from canvas_channels.identity.models import Account
from channels_api import limits, outbox
from channels_api.addresses import compared, mask
from channels_api.limits import CountryNotAllowed
from channels_api.models import Announcement, CommunicationChannel

Type = CommunicationChannel.Type
State = Announcement.WorkflowState

MOST: dict[str, int] = {Type.EMAIL: 5, Type.SMS: 2}  # told at once; push is for notifications only
KEPT_FOR = timedelta(days=30)


def announce(channel: CommunicationChannel) -> None:
    """Ask for the messages about an address that is being confirmed; it is not in force yet.

    They go to the user's other active channels, and to the address that it replaces, unless messages to
    them come back. What an address or a user's addresses get in an hour is limited, and text messages count
    against the account's budget of the day; what is beyond that is left out. Runs in the caller's
    transaction, which holds the user's row lock.
    """
    account = channel.user.home_account
    recipients = list(_recipients(channel))
    for type_ in MOST:
        limits.hold(type_, [compared(address) for of, address, _ in recipients if of == type_], account.pk)
    left, room = limits.notices_left(channel.user_id), dict(MOST)
    asked: list[int] = []
    for type_, address, replaced in recipients:
        folded = compared(address)
        if (
            len(asked) < left
            and room[type_]
            and limits.may_tell(type_, folded)
            and _may_pay(type_, address, account)
        ):
            room[type_] -= 1
            announcement = Announcement.objects.create(
                user_id=channel.user_id,
                account=account,
                type=type_,
                address=address,
                address_folded=folded,
                about_type=channel.type,
                about=mask(channel.address_to_confirm),
                replaced=replaced,
            )
            asked.append(announcement.pk)
    outbox.send_announcements(asked)


def due(announcement_id: int) -> Announcement | None:
    """The announcement, where it waits to be sent and messages to its address do not come back."""
    waiting = Announcement.objects.select_related("user__home_account")
    announcement = waiting.filter(pk=announcement_id, workflow_state=State.REQUESTED).first()
    if announcement is None:
        return None
    bounced = Q(bounce_count__gt=0, type=announcement.type, address_folded=compared(announcement.address))
    if CommunicationChannel.objects.filter(bounced).exists():
        mark_failed(announcement.pk, "messages to this address come back")
        return None
    return announcement


def mark_sent(announcement_id: int) -> None:
    Announcement.objects.filter(pk=announcement_id).update(
        workflow_state=State.SENT, sent_at=timezone.now(), failure=""
    )


def mark_failed(announcement_id: int, reason: str, *, final: bool = True) -> None:
    """Keep the reason for the operator; ``final`` False means that it will be tried again."""
    state = State.FAILED if final else State.REQUESTED
    waiting = Announcement.objects.filter(pk=announcement_id, workflow_state=State.REQUESTED)
    waiting.exclude(failure=reason, workflow_state=state).update(failure=reason, workflow_state=state)


def prune() -> None:
    """Forget old ones: they hold addresses that may be on no channel any more."""
    Announcement.objects.filter(created_at__lt=timezone.now() - KEPT_FOR).delete()


def _recipients(channel: CommunicationChannel) -> Iterator[tuple[str, str, bool]]:
    """Type and address of each, and whether it is the one that is being replaced: that one first."""
    if channel.pending_address is not None and channel.bounce_count == 0:
        yield channel.type, channel.address, True
    others = CommunicationChannel.objects.filter(
        user=channel.user_id,
        type__in=MOST,
        workflow_state=CommunicationChannel.WorkflowState.ACTIVE,
        bounce_count=0,
    ).exclude(pk=channel.pk)
    for other in others.order_by("position", "pk"):
        yield other.type, other.address, False


def _may_pay(type_: str, address: str, account: Account) -> bool:
    if type_ != Type.SMS:
        return True
    try:
        limits.check_country(address)
    except CountryNotAllowed:
        return False
    return limits.texts_left(account)
