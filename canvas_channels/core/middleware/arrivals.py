"""Who a request counts against from its arrival on, before it waits for a thread.

Until the credentials are checked, what they claim has a bucket of its own: requests of one token are few at a
time, even if it is made up. So that made-up ones in turn are no way around that, an address that sent bad
credentials of late has one bucket for all tokens that are not known to be good; unknown sessions are its own.
"""

import math
import time
from collections import OrderedDict
from contextlib import suppress
from threading import Lock
from typing import Any, NamedTuple

from django.conf import settings

from canvas_channels.core.middleware.buckets import Buckets, buckets_at
from canvas_channels.core.middleware.process_buckets import MOST_BUCKETS
from canvas_channels.core.rest.errors import RateLimitExceeded

META = "canvas_channels.arrival"
API = ("/api/v1/", "/confirmations/")  # its views say themselves who pays, by their credentials
WEBHOOKS = "/webhooks/"
# Files, which cost next to nothing, and providers, who tell of many messages at once.
NOT_COUNTED = (settings.STATIC_URL, WEBHOOKS)
SUSPECTED_SECONDS = 60.0


class Known(NamedTuple):
    """Whose credentials were good last time: the bucket that paid, and the user, as ``user:<id>``."""

    bucket: str
    user: str


_known: OrderedDict[str, Known] = OrderedDict()
_lock = Lock()
_suspects: OrderedDict[str, float] = OrderedDict()  # addresses, and when they sent bad ones


def is_counted(path: str) -> bool:
    return not path.startswith(NOT_COUNTED)


def is_known(credential: str) -> bool:
    return credential in _known


def sender_of(credential: str) -> str:
    """The user, if it is known whose it is: all of a user's tokens and sessions are one sender's."""
    known = _known.get(credential)
    return known.user if known else credential


class TokensPending(RateLimitExceeded):
    """Too many unknown tokens of one address are being checked at this moment."""


class Arrival:
    """A request's reservations, and the bucket that pays for it in the end.

    ``credential`` is a digest of what was sent; empty: nothing, and ``address``, a bucket's key, counts.
    """

    __slots__ = ("_amount", "_buckets", "address", "credential", "held")

    def __init__(self, credential: str = "", address: str = "") -> None:
        self.credential = credential
        self.address = address
        self.held: list[str] = []
        self._amount = float(settings.THROTTLE_UP_FRONT_COST)
        self._buckets: Buckets = buckets_at(settings.REDIS_URL)

    def reserve(self) -> None:
        """Raises :class:`RateLimitExceeded`, and holds nothing then.

        :class:`TokensPending` where it is other unknown tokens of the address that are being checked: that
        takes moments, as it is done before their bodies are read, and it is worth waiting for one's turn.
        """
        known = _known.get(self.credential)
        self._hold((known and known.bucket) or self.credential or self.address)
        if not self.credential or known or not self._is_suspected():
            return
        if not self.credential.startswith("token:"):
            self._hold(self.address)
            return
        try:
            self._hold(f"unknown:{self.address}")
        except RateLimitExceeded as error:
            raise TokensPending(error.retry_after) from None

    def settle(self, key: str, user: str = "") -> None:
        """It is known whose request it is: ``key`` pays. Raises :class:`RateLimitExceeded`.

        ``user`` as in :class:`Known`, where it is not what pays.
        """
        if self.credential:
            _remember(self.credential, Known(key, user or key), self.address)
        if key not in self.held:
            self._hold(key)
        for other in self.held:
            if other != key:
                self._buckets.add(other, -self._amount)
        self.held = [key]

    def disown(self) -> None:
        """Nobody asked whose request it was: if it is not known, it is a stranger's, and the address pays."""
        if self.credential in self.held and not is_known(self.credential):
            with suppress(RateLimitExceeded):
                self.settle(self.address)

    def leave(self, cost: float = 0.0) -> float | None:
        """Give back what was reserved and not needed; the level then. None: nothing was reserved."""
        held, self.held = self.held, []
        level = None
        for key in reversed(held):
            _, level = self._buckets.add(key, cost - self._amount)
        return level

    def _hold(self, key: str) -> None:
        mark = settings.THROTTLE_HIGH_WATER_MARK
        added, level = self._buckets.add(key, self._amount, mark)
        if not added:
            self.leave()
            seconds = (level + self._amount - mark) / settings.THROTTLE_OUTFLOW
            raise RateLimitExceeded(max(1, math.ceil(seconds)))
        self.held.append(key)

    def _is_suspected(self) -> bool:
        return time.monotonic() - _suspects.get(self.address, -math.inf) < SUSPECTED_SECONDS


def _remember(credential: str, known: Known, address: str) -> None:
    if known.bucket.startswith("ip:"):
        with _lock:
            _known.pop(credential, None)
        _put(_suspects, address, time.monotonic())
    else:
        _put(_known, credential, known)


def _put(kept: "OrderedDict[str, Any]", name: str, value: object) -> None:
    with _lock:
        kept[name] = value
        kept.move_to_end(name)
        if len(kept) > MOST_BUCKETS:
            kept.popitem(last=False)
