"""What became of a dispatch, in numbers."""

from collections import Counter
from typing import Any

from django.db.models import Count

from notifications.dispatches.models import Dispatch
from notifications.messages.models import Message

SENT, WAITING, DIGEST, FAILED = "sent", "waiting", "digest", "failed"
BOUNCED, CANCELLED = "bounced", "cancelled"
SHOWN = (SENT, WAITING, DIGEST, FAILED, BOUNCED, CANCELLED)
UNKNOWN_USER = "unknown_user"
# Why nothing went to some of the recipients (docs/contract.md, section 7); each is always shown.
WITHHELD = (
    *("preference", "no_channel", "not_registered", "suppressed", "type_not_allowed", "muted"),
    UNKNOWN_USER,
)

State = Message.WorkflowState
_COUNTED_AS = {
    State.CREATED: WAITING,
    State.STAGED: WAITING,
    State.SENDING: WAITING,
    State.SENT: SENT,
    State.BOUNCED: BOUNCED,
    State.CANCELLED: CANCELLED,
    State.CLOSED: DIGEST,
    State.TRANSMISSION_ERROR: FAILED,
}


def of(dispatch: Dispatch) -> dict[str, Any]:
    """Messages by what became of them, and ``withheld`` by reason; one statement."""
    found: Counter[str] = Counter()
    rows = Message.objects.filter(dispatch=dispatch).order_by().values_list("kind", "workflow_state")
    for kind, state, count in rows.annotate(count=Count("pk")):
        in_digest = kind == Message.Kind.DIGEST_ENTRY and state == State.STAGED
        found[DIGEST if in_digest else _COUNTED_AS[State(state)]] += count
    withheld = dict.fromkeys(WITHHELD, 0) | dispatch.withheld
    withheld[UNKNOWN_USER] = dispatch.unknown_count
    return {**{name: found[name] for name in SHOWN}, "withheld": withheld}
