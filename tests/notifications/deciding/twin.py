"""The rules of :mod:`notifications.deciding.sql` once more, in Python, for one recipient.

``test_rules`` compares them with the contract, and ``test_sql`` with the statement.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from canvas_channels.core.identity.models import User
from channels_api.models import CommunicationChannel
from notifications.deciding.rules import Occasion, Outcome
from notifications.preferences.frequencies import effective
from notifications.preferences.models import Frequency

Type, State = CommunicationChannel.Type, User.WorkflowState


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A live channel. Frequencies are None where nothing was chosen."""

    id: int
    type: str
    active: bool = True
    institutional: bool = False
    bouncing: bool = False
    limited: bool = False  # unconfirmed, and had its share of messages (section 6)
    foreign: bool = False  # a number in a country that gets no texts
    override: str | None = None  # the course's
    chosen: str | None = None
    account_default: str | None = None  # for its type; whether it is the first of it is judged here


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """A user, with their live channels in order."""

    state: str
    channels: Sequence[Channel] = ()
    muted: bool = False  # the course
    messages_left: int  # emails and texts, of the limit of a day
    texts_left: int  # of the home account's budget


class Decision(NamedTuple):
    """``channel`` None: of the person. ``at_once``: nobody can switch it off, and it waits for nothing."""

    channel: int | None
    outcome: Outcome
    at_once: bool = False


def decide(occasion: Occasion, recipient: Recipient) -> list[Decision]:
    """A decision a channel that may be written to, or one of the person where nothing goes to them."""
    reachable = list(_reachable(occasion, recipient))
    withheld = _withheld(occasion, recipient, reachable)
    if withheld:
        return [Decision(None, withheld)]
    at_once = _at_once(occasion, reachable)
    messages, texts = recipient.messages_left, recipient.texts_left
    if at_once and not at_once.bouncing:
        messages -= 1
    found = []
    for channel in reachable:
        if channel is at_once:
            found.append(Decision(channel.id, Outcome.BOUNCED if channel.bouncing else Outcome.NOW, True))
            continue
        outcome = _wanted(occasion, recipient, channel)
        if outcome is Outcome.NOW and channel.type != Type.PUSH:
            if messages <= 0:
                outcome = Outcome.DAILY if channel.type == Type.EMAIL else Outcome.TYPE_NOT_ALLOWED
            elif channel.type == Type.SMS:
                outcome = Outcome.NOW if texts > 0 else Outcome.TYPE_NOT_ALLOWED
                texts -= 1
            messages -= 1
        found.append(Decision(channel.id, outcome))
    return found


def _reachable(occasion: Occasion, recipient: Recipient) -> Iterable[Channel]:
    """Active channels. The first email only, where nobody can choose; an unconfirmed one will do at first."""
    active = [channel for channel in recipient.channels if channel.active]
    if not occasion.always:
        return active
    emails = [channel for channel in active if channel.type == Type.EMAIL]
    if recipient.state == State.PRE_REGISTERED:
        emails += [channel for channel in recipient.channels if channel.type == Type.EMAIL]
    return emails[:1]


def _withheld(occasion: Occasion, recipient: Recipient, reachable: Sequence[Channel]) -> Outcome | None:
    if occasion.suppressed:
        return Outcome.SUPPRESSED
    is_reached = recipient.state == State.REGISTERED or (
        recipient.state == State.PRE_REGISTERED and occasion.always
    )
    if not is_reached or any(channel.limited for channel in reachable):
        return Outcome.NOT_REGISTERED
    if not reachable:
        return Outcome.NO_CHANNEL
    if recipient.muted and not occasion.always and not occasion.mandatory:
        return Outcome.MUTED
    return None


def _at_once(occasion: Occasion, reachable: Sequence[Channel]) -> Channel | None:
    """The channel whose owner has no choice: the institution's address, else the first email."""
    emails = [channel for channel in reachable if channel.type == Type.EMAIL]
    if occasion.always:
        return emails[0]
    if not occasion.mandatory or not emails:
        return None
    return next((channel for channel in emails if channel.institutional), emails[0])


def _wanted(occasion: Occasion, recipient: Recipient, channel: Channel) -> Outcome:
    """What the channel gets, but for what else goes to the user."""
    of_type = [each for each in recipient.channels if each.type == channel.type]
    frequency = effective(
        override=channel.override,
        chosen=channel.chosen,
        account_default=channel.account_default,
        category_default=occasion.default_frequency,
        first=channel is recipient.channels[0],
        first_of_type=channel is of_type[0],
    )
    is_email, immediately = channel.type == Type.EMAIL, frequency == Frequency.IMMEDIATELY
    if frequency == Frequency.NEVER or not (is_email or immediately):
        return Outcome.PREFERENCE
    if channel.type == Type.PUSH and not occasion.to_devices:
        return Outcome.TYPE_NOT_ALLOWED
    if channel.type == Type.SMS and (not occasion.to_numbers or channel.foreign):
        return Outcome.TYPE_NOT_ALLOWED
    if not immediately:
        return Outcome(frequency)
    return Outcome.BOUNCED if channel.bouncing else Outcome.NOW
