"""When a user's devices and numbers stay silent, in their time zone. Knows nothing of HTTP."""

import re
from collections.abc import Collection
from datetime import time
from typing import Any

from canvas_channels.core.identity.callers import Subject
from canvas_channels.core.identity.models import User
from channels_api import audit
from channels_api.audit import Action
from channels_api.errors import InvalidValue, Reason
from notifications.preferences.models import QuietHours
from notifications.scheduling import waiting

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_NUMBERS = {name: number for number, day in enumerate(DAYS, 1) for name in (day, day[:3])}


def of_user(user: User) -> dict[str, Any]:
    """As the API shows them: times null where there are none, days empty where it is every day."""
    hours = QuietHours.objects.filter(user=user).first()
    return {
        "from": f"{hours.starts:%H:%M}" if hours else None,
        "to": f"{hours.ends:%H:%M}" if hours else None,
        "days": [DAYS[number - 1] for number in hours.days] if hours else [],
    }


def change(subject: Subject, starts: str, ends: str, days: Collection[str]) -> dict[str, Any]:
    """Set them, or end them where both times are empty; answers what holds. The user's row is locked.

    Times are ``HH:MM``; ``days`` those on which they start, by their English names or the first three
    letters, none: every day. Messages that wait longer than they now have to are sent. Raises
    :class:`InvalidValue`.
    """
    user = subject.user
    numbers = sorted({_day(day) for day in days})
    if starts or ends:
        wanted = {"starts": _time("from", starts), "ends": _time("to", ends), "days": numbers}
        if wanted["starts"] == wanted["ends"]:
            raise InvalidValue("to", Reason.INVALID, "must be another time than from")
        QuietHours.objects.update_or_create(user=user, defaults=wanted)
    else:
        QuietHours.objects.filter(user=user).delete()
    now = of_user(user)
    audit.record(subject.caller, Action.SET_QUIET_HOURS, user_id=user.pk, **now)
    waiting.release(user)
    return now


def _time(attribute: str, value: str) -> time:
    if not value:
        raise InvalidValue(attribute, Reason.BLANK, "can't be blank where the other time is given")
    found = _TIME.fullmatch(value)
    if not found:
        raise InvalidValue(attribute, Reason.INVALID, "must be a time from 00:00 to 23:59, as HH:MM")
    return time(int(found[1]), int(found[2]))


def _day(value: str) -> int:
    number = _NUMBERS.get(value.lower())
    if number is None:
        raise InvalidValue("days", Reason.INCLUSION, "must be names of weekdays, as monday or mon")
    return number
