"""How long messages are kept, and what of them is not kept at all (docs/contract.md, section 7.5)."""

from datetime import timedelta

from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from notifications.dispatches.models import Dispatch
from notifications.messages.models import UNSENT, Message
from notifications.record.representation import REGISTRATION

_AT_ONCE = 1000

DispatchState = Dispatch.WorkflowState


def prune(days: int) -> int:
    """Forget messages, and what they were made from, of so many days ago; a batch, returns how many rows."""
    before = timezone.now() - timedelta(days=days)
    old = Message.objects.filter(created_at__lt=before).order_by("created_at")
    messages = list(old.values_list("pk", flat=True)[:_AT_ONCE])
    Message.objects.filter(pk__in=messages).delete()
    if messages:
        return len(messages)
    done = Dispatch.objects.filter(~_has(Message.objects.all()), created_at__lt=before).order_by("created_at")
    dispatches = list(done.values_list("pk", flat=True)[:10])  # of 10,000 recipients each
    Dispatch.objects.filter(pk__in=dispatches).delete()
    return len(dispatches)


def forget_bodies() -> int:
    """Forget what registration messages said, once none of them waits; returns of how many dispatches.

    They hold links that let somebody in.
    """
    ended = Dispatch.objects.filter(
        ~_has(Message.objects.filter(UNSENT)),
        notification__category__slug=REGISTRATION,
        workflow_state__in=[DispatchState.COMPLETED, DispatchState.CANCELLED],
        created_at__gt=timezone.now() - timedelta(days=7),
    )
    return ended.exclude(body="", html_body="").update(body="", html_body="", short="", url="")


def _has(messages: QuerySet[Message]) -> Exists:
    return Exists(messages.filter(dispatch=OuterRef("pk")))
