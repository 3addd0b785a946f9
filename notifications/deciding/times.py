"""When a message goes that was decided on. Pure: knows neither clock nor database."""

from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from channels_api.models import CommunicationChannel
from notifications.deciding.rules import Outcome
from notifications.messages.models import Message
from notifications.scheduling import zones
from notifications.scheduling.zones import Hours

State, WaitsFor = Message.WorkflowState, Message.WaitsFor


class Time(NamedTuple):
    """A message's state, what it waits for, and until when."""

    state: Message.WorkflowState
    waits_for: Message.WaitsFor = WaitsFor.NOTHING
    due_at: datetime | None = None


def time_of(
    outcome: Outcome,
    *,
    user_id: int,
    type_: str,
    at_once: bool,
    delay: timedelta,
    now: datetime,
    zone: ZoneInfo,
    hours: Hours | None,
) -> Time:
    """When what has this outcome goes. The delay comes first: quiet hours are looked at again after it."""
    match outcome:
        case Outcome.BOUNCED:
            return Time(State.BOUNCED)
        case Outcome.DAILY:
            return Time(State.STAGED, WaitsFor.DIGEST, zones.next_daily(now, zone))
        case Outcome.WEEKLY:
            return Time(State.STAGED, WaitsFor.DIGEST, zones.next_weekly(now, zone, user_id))
    if delay and not at_once:
        return Time(State.STAGED, WaitsFor.DELAY, now + delay)
    if hours and type_ != CommunicationChannel.Type.EMAIL:
        until = zones.quiet_until(now, zone, hours)
        if until:
            return Time(State.STAGED, WaitsFor.QUIET_HOURS, until)
    return Time(State.CREATED)
