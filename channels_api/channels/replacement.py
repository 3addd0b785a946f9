"""An address in the place of another on the same channel: what that changes, and whether it may."""

from collections.abc import Iterable

from django.utils import timezone

from canvas_channels.core.identity.models import Account
from canvas_channels.core.statements import update
from channels_api.addresses import compared
from channels_api.channels import bounces, ordering
from channels_api.errors import OF_CONSTRAINTS
from channels_api.models import LIVE, CommunicationChannel

Type = CommunicationChannel.Type

_CHANGED = (
    "address",
    "address_folded",
    "shown_folded",
    "pending_address",
    "workflow_state",
    "institutional",
    "active_since",
    "made_with_user",
    "added_with_scopes",
    "pending_added_with_scopes",
    "updated_at",
)


def is_imported(type_: str, address: str, imported_emails: Iterable[str]) -> bool:
    """Whether the institution imported the address for the user."""
    return type_ == Type.EMAIL and compared(address) in map(compared, imported_emails)


def is_kept(channel: CommunicationChannel, account: Account) -> bool:
    """Whether the account keeps the channel's address as it is (``edit_institution_email`` off)."""
    return channel.institutional and not account.edit_institution_email


def is_taken(channel: CommunicationChannel) -> bool:
    """Whether another live channel of the user has the address that this one would change to."""
    same = CommunicationChannel.objects.filter(
        LIVE,
        user=channel.user_id,
        type=channel.type,
        address_folded=compared(channel.address_to_confirm),
    )
    return same.exclude(pk=channel.pk).exists()


def replace(
    channel: CommunicationChannel,
    address: str,
    imported_emails: Iterable[str],
    state: str,
    *,
    with_scopes: bool = False,
) -> None:
    """Give the channel its new address. Bounces were the old one's, and so was its being institutional.

    ``with_scopes``: a token of a key that requires scopes named it. Runs in the caller's transaction, which
    holds the user's row lock; ``channel.user`` is read for the home account.
    """
    changed: tuple[str, ...] = _CHANGED
    if compared(address) != compared(channel.address):
        channel.institutional = is_imported(channel.type, address, imported_emails)
        channel.added_with_scopes = with_scopes and not channel.institutional
        channel.made_with_user = False
        channel.active_since = timezone.now()
        bounces.clear(channel)
        changed += bounces.FIELDS
    elif channel.workflow_state != state:
        channel.active_since = timezone.now()
    channel.address = address
    channel.pending_address, channel.pending_added_with_scopes = None, False
    channel.workflow_state = state
    channel.fold_address()
    update(channel, changed, OF_CONSTRAINTS)
    ordering.settle(channel, channel.user.home_account)
