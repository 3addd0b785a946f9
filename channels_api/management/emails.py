"""Email channels that an operator vouches for: active at once, and no message goes out."""

from django.core.exceptions import ValidationError
from django.db.models import Max
from django.utils import timezone

from canvas_channels.core.identity.models import User
from channels_api import audit
from channels_api.addresses import clean_email, compared
from channels_api.audit import Action
from channels_api.channels import bounces, ordering
from channels_api.errors import InvalidAddress
from channels_api.messages import security_notices
from channels_api.messages.standing import MAX_CHANNELS
from channels_api.models import LIVE, CommunicationChannel

EMAIL = CommunicationChannel.Type.EMAIL
ACTIVE = CommunicationChannel.WorkflowState.ACTIVE


def checked_email(address: str) -> str:
    """The address as it is stored. Raises ValidationError on ``email``."""
    try:
        return clean_email(address)
    except InvalidAddress as error:
        raise ValidationError({"email": f"{address!r} {error}"}) from error


def ensure_active_email(user: User, address: str, *, institutional: bool) -> CommunicationChannel:
    """Make sure that the user has the address as an active channel; a retired one comes back.

    Runs in the caller's transaction, and locks the user's row: positions come out as 1..n. A channel that
    is institutional stays so. Raises ValidationError for a bad address or a user with too many channels.
    """
    address = checked_email(address)
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    own = CommunicationChannel.objects.filter(user=user)
    same = own.filter(type=EMAIL, address_folded=compared(address))
    channel = same.filter(LIVE).select_for_update(no_key=True).first()
    if channel and channel.workflow_state == ACTIVE and (channel.institutional or not institutional):
        return channel
    if channel is None:
        if own.filter(LIVE).count() >= MAX_CHANNELS:
            raise ValidationError(f"user {user.pk} has {MAX_CHANNELS} channels, which is the most")
        channel = _revived(same.order_by("-pk").first(), address)
        if channel is None or own.filter(LIVE, position=channel.position).exists():
            last = own.aggregate(last=Max("position", default=0))["last"]
            channel = channel or CommunicationChannel(user=user, type=EMAIL, address=address)
            channel.position = last + 1
    is_new = channel.workflow_state != ACTIVE
    channel.workflow_state, channel.active_since = ACTIVE, timezone.now()
    channel.made_with_user, channel.added_with_scopes = True, False
    channel.institutional = channel.institutional or institutional
    channel.save()
    audit.record(
        None, Action.IMPORT, user_id=user.pk, channel_id=channel.pk, institutional=channel.institutional
    )
    if is_new:
        security_notices.notify_new_addresses([channel])
    ordering.settle(channel, user.home_account)
    return channel


def forget_institutional_email(user: User, address: str) -> None:
    """The institution names another address now: the former one is the user's own to delete."""
    former = CommunicationChannel.objects.filter(user=user, type=EMAIL, address_folded=compared(address))
    former = former.filter(institutional=True)
    changed = list(former.values_list("pk", "user"))
    former.update(institutional=False, updated_at=timezone.now())
    audit.record_all(None, Action.SET_INSTITUTIONAL, changed, institutional=False)


def _revived(channel: CommunicationChannel | None, address: str) -> CommunicationChannel | None:
    if channel is not None:
        channel.address = address
        bounces.forget_all(channel, timezone.now())
        channel.retired_at = None
    return channel
