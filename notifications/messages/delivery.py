"""The job that sends messages, one after the other.

Each is claimed, sent and settled for itself, and every step is committed: a worker that dies in it leaves one
message ``sending``, which is sent again once the claim has run out. So at most the one under way is doubled,
and a mailbox shows its copies as one (``Message-ID``).
"""

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import Error
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone, translation

from channels_api.models import CommunicationChannel
from notifications.dispatches.models import Dispatch
from notifications.gateways import TransportError, email, sms
from notifications.messages import mails, payloads, pushes, queue
from notifications.messages.models import Message
from notifications.preferences.catalogue import ALWAYS
from notifications.senders.confirmations import locale_of
from notifications.worker.retry import is_last, wait_after

logger = logging.getLogger(__name__)

AT_A_TIME = 2.0  # seconds; whoever waits at a screen waits for no more of a bulk send
CLAIMED = timedelta(minutes=1)  # longer than a server that answers at all takes

Fields = dict[str, Any]
State = Message.WorkflowState
ChannelState = CommunicationChannel.WorkflowState


def deliver(message_ids: list[int]) -> None:
    """Send those that are to be sent, for a while, and ask for the others in another job.

    What cannot be sent says so on its row. Raises :class:`TransportError` where another worker has claimed
    one, which may have died: the job comes back to see.
    """
    until = time.monotonic() + AT_A_TIME
    claimed_elsewhere = False
    for number, message_id in enumerate(message_ids):
        if number and time.monotonic() > until:
            queue.ask(message_ids[number:])
            break
        if _claim(message_id):
            _attempt(_load(message_id))
        elif Message.objects.filter(pk=message_id, workflow_state=State.SENDING).exists():
            claimed_elsewhere = True
    if claimed_elsewhere:
        raise TransportError("Another worker sends one of them")


def _claim(message_id: int) -> bool:
    free = Q(workflow_state=State.CREATED)
    left = Q(workflow_state=State.SENDING, updated_at__lt=Now() - CLAIMED)
    message = Message.objects.filter(free | left, pk=message_id)
    return message.update(workflow_state=State.SENDING, updated_at=Now()) > 0


def _load(message_id: int) -> Message:
    related = ("user__home_account", "channel", "account", "dispatch", "notification__category")
    return Message.objects.select_related(*related).get(pk=message_id)


def _attempt(message: Message) -> None:
    withheld = _withheld(message)
    if withheld is not None:
        _settle(message, workflow_state=withheld)
        return
    try:
        with translation.override(locale_of(message.user)):
            fields = _SEND[message.type](message)
    except Error:
        raise  # it is the database's, not the message's
    except Exception as error:
        _fail(message, error)
    else:
        _settle(message, workflow_state=State.SENT, sent_at=timezone.now(), **fields)


def _withheld(message: Message) -> Message.WorkflowState | None:
    """Why it is not sent after all, as everything is now."""
    channel, dispatch = message.channel, message.dispatch
    if channel is None or channel.workflow_state == ChannelState.RETIRED or not message.user.is_active:
        return State.CANCELLED
    if dispatch and (dispatch.workflow_state == Dispatch.WorkflowState.CANCELLED or not dispatch.body):
        return State.CANCELLED  # without a body: what it said is not kept any more
    always = message.notification is not None and message.notification.category.slug in ALWAYS
    if channel.workflow_state != ChannelState.ACTIVE and not always:
        return State.CANCELLED
    return State.BOUNCED if channel.is_bouncing else None


def _send_email(message: Message) -> Fields:
    to = _address(message)
    known_as = email.send(to, partial(mails.render, message), f"m{message.pk}")
    return {"address": to, "provider_id": known_as}


def _send_text(message: Message) -> Fields:
    to = _address(message)
    sms.send(to, payloads.text_message(*payloads.short_of(message)))
    return {"address": to}


def _address(message: Message) -> str:
    """The channel's, which may have changed since it was decided."""
    assert message.channel is not None  # noqa: S101 - _withheld() saw to it
    return message.channel.address


def _send_push(message: Message) -> Fields:
    pushes.send(message)
    return {}


_SEND: dict[str, Callable[[Message], Fields]] = {
    CommunicationChannel.Type.EMAIL: _send_email,
    CommunicationChannel.Type.SMS: _send_text,
    CommunicationChannel.Type.PUSH: _send_push,
}


def _fail(message: Message, error: Exception) -> None:
    """It waits for another try, or this was the last one; a push that some devices have is sent then."""
    known = isinstance(error, TransportError)
    reason = str(error) if known else type(error).__name__
    final = is_last(error, message.attempts)
    extra = {"action": queue.DELIVER.name, "row": message.pk, "reason": reason, "final": final}
    extra["ours"] = getattr(error, "ours", False)
    logger.warning("delivery failed", extra=extra, exc_info=not known)
    tried = {"attempts": message.attempts + 1, "failure": reason}
    if not final:
        due_at = Now() + timedelta(seconds=wait_after(message.attempts))
        _settle(
            message, workflow_state=State.STAGED, waits_for=Message.WaitsFor.RETRY, due_at=due_at, **tried
        )
    elif pushes.is_accepted(message):
        _settle(message, workflow_state=State.SENT, sent_at=timezone.now())
    else:
        _settle(message, workflow_state=State.TRANSMISSION_ERROR, **tried)


def _settle(message: Message, **fields: Any) -> None:
    """Nothing where somebody else has settled it meanwhile."""
    claimed = Message.objects.filter(pk=message.pk, workflow_state=State.SENDING)
    claimed.update(**{"failure": "", "waits_for": "", "due_at": None, "updated_at": Now()} | fields)
