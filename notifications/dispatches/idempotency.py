"""``Idempotency-Key``: what is asked for twice is done once (docs/contract.md, section 7).

After the IETF's draft-ietf-httpapi-idempotency-key-header. The key is kept on the dispatch that it made: so a
refused request, or one that dies, leaves it free.
"""

import re
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from canvas_channels.core.identity.callers import Caller
from canvas_channels.core.identity.models import Account
from canvas_channels.core.rest.errors import IdempotencyKeyInUse, IdempotencyKeyReused, MalformedRequest
from canvas_channels.core.rest.requests import CanvasRequest
from notifications.dispatches.models import Dispatch

HEADER = "Idempotency-Key"
KEPT_FOR = timedelta(hours=24)
_KEY = re.compile(r"[ -~]{1,255}")


def key_of(request: CanvasRequest) -> str:
    """Empty without the header. Raises :class:`MalformedRequest`."""
    key: str | None = request.headers.get(HEADER)
    if key is None:
        return ""
    if not _KEY.fullmatch(key):
        raise MalformedRequest(f"The {HEADER} must have 1 to 255 printable ASCII characters.")
    return key


def find_first(caller: Caller, account: Account, key: str, digest: str) -> Dispatch | None:
    """What the key has made already; else it is the caller's until the transaction ends.

    A key counts for who really asks, their developer key, and the account. Raises
    :class:`IdempotencyKeyInUse`, and :class:`IdempotencyKeyReused` where it came with other parameters.
    """
    developer_key = caller.developer_key.pk if caller.developer_key else None
    name = f"idempotency:{caller.actor.pk}:{developer_key}:{account.pk}:{key}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [name])
        (is_ours,) = cursor.fetchone() or (False,)
    if not is_ours:
        raise IdempotencyKeyInUse
    made = Dispatch.objects.exclude(idempotency_key="").filter(  # as the index that finds them says
        idempotency_key=key,
        created_at__gt=timezone.now() - KEPT_FOR,
        actor=caller.actor,
        developer_key=developer_key,
        account=account,
    )
    first = made.select_related("notification__category").order_by("-created_at").first()
    if first is None:
        return None
    if first.parameters_digest != digest:
        raise IdempotencyKeyReused
    _wait_for_standby()
    return first


def _wait_for_standby() -> None:
    """Have the COMMIT wait until a synchronous standby has all before it, as one does that changes something.

    What was made may be on the primary only, which may be why it is asked for again. So a word is written to
    its log, which nobody reads.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_logical_emit_message(true, 'canvas_channels', 'asked again')")
