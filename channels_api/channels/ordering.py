"""The order of a user's channels. The first one is what Canvas calls the user's default.

Every function here runs in the caller's transaction, which holds the user's row lock.
"""

from collections.abc import Sequence

from canvas_channels.core.identity.models import Account
from canvas_channels.core.postgresql.trips import trips
from canvas_channels.core.statements import read_in_part
from channels_api import audit, statements
from channels_api.audit import Action
from channels_api.errors import InvalidValue, Reason
from channels_api.models import LIVE, CommunicationChannel

RETIRED = CommunicationChannel.WorkflowState.RETIRED

Channels = list[CommunicationChannel]


def move(channel: CommunicationChannel, position: int, account: Account) -> None:
    """Put a live channel at ``position`` (from 1; beyond the last means last); the others make room.

    The live channels are then 1..n, the retired ones come after them. Raises :class:`InvalidValue` where
    ``institution_email_first`` keeps the first position for another channel, or this one in it.
    """
    live, retired = _in_order(channel.user_id)
    [moved] = [row for row in live if row.pk == channel.pk]
    live.remove(moved)
    live.insert(position - 1, moved)
    if first := due_first(live, account):
        if moved is live[0] or moved.institutional:
            raise InvalidValue(
                "position", Reason.RESERVED, "the first position is the institution's address's"
            )
        _put_first(live, first)
    _number([*live, *retired])
    channel.position = moved.position


def settle(channel: CommunicationChannel, account: Account) -> None:
    """Where ``institution_email_first`` asks for it, put the institution's address first; else nothing.

    ``channel`` is what was changed; its position is brought up to date.
    """
    if not account.institution_email_first:
        return
    live, retired = _in_order(channel.user_id)
    if first := due_first(live, account):
        before = first.position
        _put_first(live, first)
        _number([*live, *retired])
        audit.record(
            None,
            Action.MOVE,
            user_id=channel.user_id,
            channel_id=first.pk,
            from_position=before,
            position=1,
            reason="institution_email_first",
        )
    [channel.position] = [row.position for row in (*live, *retired) if row.pk == channel.pk]


def take_place(channel: CommunicationChannel, last: int) -> None:
    """A retired channel that comes back: it keeps its position where that is free, else ``last`` is its."""
    taken = CommunicationChannel.objects.filter(LIVE, user=channel.user_id, position=channel.position)
    if taken.exists():
        channel.position = last


def _in_order(user_id: int) -> tuple[Channels, Channels]:
    """The live and the retired channels, which are locked."""
    found = trips().ask(statements.channels_in_order(user_id))
    own = [read_in_part(CommunicationChannel, statements.ORDER, row) for row in found]
    rows = sorted(own, key=lambda row: (row.position, row.pk))
    live = [row for row in rows if row.workflow_state != RETIRED]
    return live, [row for row in rows if row.workflow_state == RETIRED]


def due_first(live: Sequence[CommunicationChannel], account: Account) -> CommunicationChannel | None:
    """The channel that ``institution_email_first`` asks to be put first; None: nothing is to be changed.

    ``live`` are in their order, and need not be saved.
    """
    if not account.institution_email_first or (live and live[0].institutional):
        return None
    return next((row for row in live if row.institutional), None)


def _put_first(live: Channels, first: CommunicationChannel) -> None:
    live.remove(first)
    live.insert(0, first)


def _number(rows: Sequence[CommunicationChannel]) -> None:
    """Positions from 1, in one statement, and only of those that have another."""
    moved = []
    for position, row in enumerate(rows, 1):
        if row.position != position:
            row.position = position
            moved.append(row)
    if moved:
        trips().later(statements.number([row.pk for row in moved], [row.position for row in moved]))
