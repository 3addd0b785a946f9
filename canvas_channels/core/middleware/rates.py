"""How often one address may use what is open to everybody: signing in, resets, links' codes, and tokens.

Each kind has a leaky bucket an address, full once as many came as the time allows, and empty again after that
time. So all of them may come at once. Who signed in, or got a token, is no stranger, and the address gets
that one back: a whole school may be behind it.

A login counts beside, as passwords are guessed from many addresses. A client's id does not: its secret, codes
and refresh tokens are too long to guess, and its id is public, so that anybody could keep it out.
"""

import math
from typing import NamedTuple

from django.conf import settings

from canvas_channels.core.middleware.buckets import Buckets, buckets_at
from canvas_channels.core.rest.errors import RateLimitExceeded

MINUTE, HOUR = 60.0, 3600.0
READING = {"GET", "HEAD", "OPTIONS"}


class Rate(NamedTuple):
    """``most`` requests in ``seconds``, of those that begin with ``path``."""

    path: str
    kind: str
    seconds: float = MINUTE
    looks_up: bool = False  # reading counts too, since it tries a secret

    @property
    def most(self) -> int:
        if self.seconds == HOUR:
            return int(settings.PASSWORD_RESETS_PER_ADDRESS_PER_HOUR)
        return int(settings.OPEN_REQUESTS_PER_MINUTE)

    def charge(self, key: str) -> None:
        """Count one of an address's or a login's. Raises :class:`RateLimitExceeded` for one too many."""
        share, outflow = 1 / self.most, 1 / self.seconds
        mark = 1 + share / 2
        added, level = self._buckets().add(f"{self.kind}:{key}", share, mark, outflow)
        if not added:
            raise RateLimitExceeded(max(1, math.ceil((level + share - mark) / outflow)))

    def give_back(self, key: str) -> None:
        """Count one less."""
        self._buckets().add(f"{self.kind}:{key}", -1 / self.most, outflow=1 / self.seconds)

    def _buckets(self) -> Buckets:
        return buckets_at(settings.REDIS_URL, "rates")


SIGN_INS = Rate("/login", "sign_in")
RETURNS = Rate("/login/oidc/callback", "return", looks_up=True)
TOKENS = Rate("/login/oauth2/token", "token")

# The first that fits counts.
RATES = (
    Rate("/password-reset/", "code", looks_up=True),
    Rate("/password-reset", "reset", HOUR),
    Rate("/register/", "code", looks_up=True),
    Rate("/not-me/", "code", looks_up=True),
    Rate("/login/oauth2/auth", "consent"),
    TOKENS,
    RETURNS,
    Rate("/login/oidc", "sign_in", looks_up=True),
    SIGN_INS,
    Rate("/admin/login", "sign_in"),
)


def rate_of(method: str, path: str) -> Rate | None:
    """What bounds such a request; None: nothing here."""
    for rate in RATES:
        if path.startswith(rate.path):
            return rate if rate.looks_up or method not in READING else None
    return None
