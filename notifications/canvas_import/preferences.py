"""How often a channel gets what, as it was chosen in Canvas. A choice that was made here stays."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from django.db import connection

from channels_api.errors import InvalidValue
from notifications.canvas_import.rows import Row, Unfit
from notifications.preferences.checks import check_frequency
from notifications.preferences.models import Notification, slug_of

_INSERT = """
INSERT INTO notifications_notificationpreference (channel_id, notification_id, frequency)
SELECT channel.id, chosen.notification_id, chosen.frequency
FROM unnest(%s::bigint[], %s::bigint[], %s::text[]) AS chosen (channel_id, notification_id, frequency)
JOIN channels_api_communicationchannel AS channel ON channel.id = chosen.channel_id
WHERE NOT EXISTS (
    SELECT FROM notifications_notificationpreference AS known
    WHERE (known.channel_id, known.notification_id) = (chosen.channel_id, chosen.notification_id)
)
ON CONFLICT (channel_id, notification_id) DO NOTHING
"""
_KNOWN = """
SELECT count(*) FROM notifications_notificationpreference AS known
JOIN unnest(%s::bigint[], %s::bigint[]) AS chosen (channel_id, notification_id)
    ON (known.channel_id, known.notification_id) = (chosen.channel_id, chosen.notification_id)
"""


class Choice(NamedTuple):
    channel_id: int
    notification_id: int
    frequency: str


class Choices:
    """Reads rows of ``notification_policies``; ``notification`` in them is a name or a slug."""

    def __init__(self) -> None:
        self._known = dict(Notification.objects.values_list("slug", "pk"))

    def choice(self, row: Row, channel_of: Callable[[int], int | None]) -> Choice:
        """``channel_of`` says which channel one of Canvas's became. Raises :class:`Unfit`."""
        channel_id = channel_of(row.id("communication_channel_id"))
        if channel_id is None:
            raise Unfit("its channel was not moved")
        name = row.text("notification")
        if not name:
            raise Unfit("its notification is not among the notifications", row.prose("notification_id"))
        notification_id = self._known.get(slug_of(name))
        if notification_id is None:
            raise Unfit("its notification is not in the catalogue", name)
        try:
            return Choice(channel_id, notification_id, check_frequency(row.text("frequency")))
        except InvalidValue as error:
            raise Unfit(f"its frequency {error.message}", row.prose("frequency")) from error


def add(choices: Sequence[Choice]) -> int:
    """Write those that are new, in one statement; returns how many."""
    if not choices:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [list(column) for column in zip(*sorted(choices), strict=True)])
        return int(cursor.rowcount)


def count_new(choices: Sequence[Choice]) -> int:
    """How many :func:`add` would write."""
    different = {(choice.channel_id, choice.notification_id) for choice in choices}
    if not different:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, [list(column) for column in zip(*different, strict=True)])
        [known] = cursor.fetchone()
    return len(different) - int(known)
