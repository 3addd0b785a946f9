"""A job's turn: deliveries of a kind, in groups, for a while.

What a group sent is written down at once, so a worker that dies leaves at most a group to be sent twice. How
many are in one follows from how long those before took: a slow server is not asked by one job for what others
could ask it for at the same time.
"""

import time
from collections.abc import Callable, Iterable

from notifications.worker import together
from notifications.worker.together import Outcome, Steps

GROUP = 10  # deliveries at most
GROUP_SECONDS = 0.5  # that a group is to take
AT_A_TIME = 2.0  # seconds; a person at a screen waits no longer for a bulk
LONG = 4.0  # seconds, of one that is for a single row: another job goes on with it
CUT_OFF = 2  # deliveries in a row that reached nobody: one may have ended the connection itself
IN_VAIN = 0.2  # seconds that they may take together: many that are refused at once, two that wait in vain


class Turn:
    """``room``: how many the next group may have. ``told_to_end``: whether the worker was.

    ``in_vain``: seconds that deliveries may take which reach nobody, before the others are left.
    ``unanswered``: how many of the last ones in a row did.
    """

    def __init__(self, told_to_end: Callable[[], bool] = lambda: False, *, long: bool = False) -> None:
        self.room = 1
        self.in_vain = IN_VAIN
        self.unanswered = 0
        self._told_to_end = told_to_end
        self._until = time.monotonic() + (LONG if long else AT_A_TIME)
        self._took_in_vain = 0.0

    @property
    def is_cut_off(self) -> bool:
        """Whether others would fare no better than the last ones did, which took their time."""
        return self.unanswered >= CUT_OFF and self._took_in_vain > self.in_vain

    @property
    def is_over(self) -> bool:
        return self.is_cut_off or self._told_to_end() or time.monotonic() > self._until

    def take(self, deliveries: Iterable[tuple[int, Steps]]) -> dict[int, Outcome]:
        """Do a group of deliveries; the outcomes of those that were begun, which the first always is."""
        began = ended = time.monotonic()
        outcomes = {}
        for row_id, outcome in together.run(deliveries, lambda: not self.is_over):
            outcomes[row_id] = outcome
            before, ended = ended, time.monotonic()
            if getattr(outcome.error, "unanswered", False):
                self.unanswered += 1
                self._took_in_vain += ended - before
            else:
                self.unanswered, self._took_in_vain = 0, 0.0
        pace = (time.monotonic() - began) / max(1, len(outcomes))
        self.room = max(1, min(GROUP, int(GROUP_SECONDS / max(pace, 0.001))))
        return outcomes
