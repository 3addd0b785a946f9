"""What a channel can get of a category at all. Knows nothing of HTTP.

As :mod:`notifications.deciding.sql` has it: texts and pushes come at once or never, where the account sends
such and the notification may go to devices; what nobody can switch off comes to one email address alone.
"""

from collections.abc import Collection

from channels_api.messages import limits
from channels_api.models import CommunicationChannel
from notifications.preferences.catalogue import ALWAYS
from notifications.preferences.models import Frequency, Notification

Type = CommunicationChannel.Type

ALL = tuple(Frequency)
AT_ONCE_OR_NEVER = (Frequency.IMMEDIATELY, Frequency.NEVER)
NOTHING: tuple[Frequency, ...] = ()


def sends_to(channel: CommunicationChannel) -> bool:
    """Whether the user's home account sends anything over such a channel."""
    account = channel.user.home_account
    match channel.type:
        case Type.PUSH:
            return account.push_notifications
        case Type.SMS:
            return account.sms_notifications and not limits.is_foreign(channel.address)
    return True


def pushed_categories() -> frozenset[str]:
    """The slugs of the categories of which something may go to devices; one statement."""
    pushed = Notification.objects.filter(push=True)
    return frozenset(pushed.values_list("category__slug", flat=True).distinct())


def offered(channel: CommunicationChannel, category: str, pushed: Collection[str]) -> tuple[Frequency, ...]:
    """The frequencies between which there is a choice; ``pushed``: of :func:`pushed_categories`."""
    if category in ALWAYS or not sends_to(channel):
        return NOTHING
    if channel.type == Type.EMAIL:
        return ALL
    return AT_ONCE_OR_NEVER if channel.type == Type.SMS or category in pushed else NOTHING
