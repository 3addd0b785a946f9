"""What is decided, and what that depends on; :mod:`notifications.deciding.sql` decides."""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What becomes of a message; those of ``WITHHELD`` are the reasons why there is none."""

    NOW = "now"
    DAILY = "daily"
    WEEKLY = "weekly"
    BOUNCED = "bounced"
    SUPPRESSED = "suppressed"
    NOT_REGISTERED = "not_registered"
    NO_CHANNEL = "no_channel"
    MUTED = "muted"
    PREFERENCE = "preference"
    TYPE_NOT_ALLOWED = "type_not_allowed"


WITHHELD = frozenset(
    {
        Outcome.SUPPRESSED,
        Outcome.NOT_REGISTERED,
        Outcome.NO_CHANNEL,
        Outcome.MUTED,
        Outcome.PREFERENCE,
        Outcome.TYPE_NOT_ALLOWED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """What is the same for all recipients of a dispatch."""

    default_frequency: str  # the category's
    always: bool = False  # Registration and Migration, which nobody can switch off
    mandatory: bool = False  # the account says so of the category
    suppressed: bool = False  # all that the account sends
    to_devices: bool = True  # the notification may go to them, and the account's do
    to_numbers: bool = False  # the account sends texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What an unconfirmed address had, confirmations and messages, in the windows of section 6."""

    of_channel: int  # in 24 hours
    of_user: int  # in an hour
    of_address: int  # in an hour, for any user
    refused: bool  # its reader said that they are not this user


def is_limited(use: Use, *, per_channel: int, per_user: int, per_address: int) -> bool:
    """Whether an unconfirmed address gets no further message now."""
    reached = use.of_channel >= per_channel or use.of_user >= per_user or use.of_address >= per_address
    return use.refused or reached
