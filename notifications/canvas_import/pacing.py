"""Calls to Canvas that obey its limit, wait for their answer only so long, and are tried again."""

import time
from typing import Any

from requests import PreparedRequest, RequestException, Response
from requests.adapters import HTTPAdapter
from requests.exceptions import RetryError

TIMEOUT = 60  # seconds to connect, and between bytes
WAITS = (1, 2, 4, 8, 16, 30, 60, 60)  # seconds before each further try
LOW = 50  # of a quota that is usually 700, and comes back by ten a second
PER_SECOND = 10


class Paced(HTTPAdapter):
    """Slows down as the quota runs low, and waits where it is used up or Canvas is away.

    Canvas answers too much with 403 or 429 and "Rate Limit Exceeded". Raises ``RequestException`` where it
    has never answered, and where it does not in the end.
    """

    _has_answered = False

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        kwargs["timeout"] = TIMEOUT
        for wait in WAITS:
            try:
                response = super().send(request, *args, **kwargs)
            except RequestException:
                if not self._has_answered:
                    raise
                time.sleep(wait)
                continue
            self._has_answered = True
            if not _passing(response):
                time.sleep(_pause(response))
                return response
            asked = response.headers.get("Retry-After", "")
            time.sleep(min(int(asked), WAITS[-1]) if asked.isdecimal() else wait)
        raise RetryError(f"it refuses or fails for more than {sum(WAITS)} s")


def _passing(response: Response) -> bool:
    if response.status_code == 403:
        return "Rate Limit Exceeded" in response.text
    return response.status_code == 429 or response.status_code >= 500


def _pause(response: Response) -> float:
    """Seconds until the quota is no longer low; none where Canvas has no limit."""
    try:
        remaining = float(response.headers.get("X-Rate-Limit-Remaining", LOW))
    except ValueError:
        return 0
    return max(0.0, min(LOW - remaining, LOW) / PER_SECOND)
