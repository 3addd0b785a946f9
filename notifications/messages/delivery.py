"""The job that sends messages, in groups.

A group is claimed, sent and settled, and each of these steps is committed: a worker that dies in it leaves
messages ``sending``, which ``scheduling.waiting`` has sent again a minute later. So at most a group
(``notifications.worker.turns``) is doubled, and a mailbox shows its copies as one (``Message-ID``).
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

import orjson
from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import translation

from canvas_channels.core.identity.locales import locale_of
from channels_api.models import CommunicationChannel, PushDevice
from notifications.dispatches.models import Dispatch
from notifications.gateways import AddressRefused, TransportError, email, sms
from notifications.messages import mails, payloads, pushes, queue
from notifications.messages.models import Message
from notifications.preferences.catalogue import ALWAYS
from notifications.worker.retry import is_last, wait_after
from notifications.worker.together import Steps
from notifications.worker.turns import Turn

logger = logging.getLogger(__name__)

Type = CommunicationChannel.Type
State = Message.WorkflowState
ChannelState = CommunicationChannel.WorkflowState

_SETTLE_SENT = """
UPDATE notifications_message AS message
SET workflow_state = 'sent', sent_at = clock_timestamp(), updated_at = clock_timestamp(), failure = '',
    waits_for = '', due_at = NULL,
    address = sent.address, provider_id = sent.provider_id, devices = sent.devices
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::jsonb[]) AS sent (id, address, provider_id, devices)
WHERE message.id = sent.id AND message.workflow_state = 'sending'
"""


class Sent(NamedTuple):
    """What a message's row says once it is sent."""

    address: str
    provider_id: str
    devices: pushes.Devices


def deliver(message_ids: Sequence[int], turn: Turn) -> None:
    """Send those that are to be sent, for a turn, and ask for the others in another job.

    What cannot be sent says so on its row.
    """
    left = list(message_ids)
    while left:
        group, left = left[: turn.room], left[turn.room :]
        left[:0] = _send_group(group, turn)
        if turn.is_over:
            break
    queue.ask(left)


def _send_group(message_ids: Sequence[int], turn: Turn) -> list[int]:
    """Those that the turn did not come to are returned, and are no longer claimed."""
    messages = {message.pk: message for message in _load(_claim(message_ids))}
    withheld = {pk: state for pk, message in messages.items() if (state := _withheld(message))}
    due = [messages[pk] for pk in message_ids if pk in messages and pk not in withheld]
    devices = pushes.devices_of(due)
    outcomes = turn.take((message.pk, _send(message, devices)) for message in due)
    left = [message.pk for message in due if message.pk not in outcomes]
    with transaction.atomic():
        for state in set(withheld.values()):
            _settle([pk for pk in withheld if withheld[pk] == state], workflow_state=state)
        _settle_sent({pk: done.result for pk, done in outcomes.items() if done.error is None})
        for pk, done in outcomes.items():
            if done.error is not None:
                _fail(messages[pk], done.error)
        _settle(left, workflow_state=State.CREATED)
    return left


def _claim(message_ids: Sequence[int]) -> list[int]:
    """In one order, so that two workers with the same messages never wait for each other."""
    free = Message.objects.filter(pk__in=message_ids, workflow_state=State.CREATED).order_by("pk")
    with transaction.atomic():
        claimed = list(free.select_for_update(no_key=True).values_list("pk", flat=True))
        Message.objects.filter(pk__in=claimed).update(workflow_state=State.SENDING, updated_at=Now())
    return claimed


def _load(message_ids: Sequence[int]) -> "QuerySet[Message]":
    related = ("user__home_account", "channel", "account", "dispatch", "notification__category")
    return Message.objects.select_related(*related).filter(pk__in=message_ids)


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


def _send(message: Message, devices: Mapping[int, Sequence[PushDevice]]) -> Steps:
    """Raises :class:`TransportError`; returns what the message's row says of it then."""
    if message.type == Type.PUSH:
        yield from pushes.send(message, devices.get(message.user_id, ()))
        return Sent(message.address, "", message.devices)
    to = _address(message)
    with translation.override(locale_of(message.user)):
        if message.type == Type.EMAIL:
            known_as = email.send(to, partial(mails.render, message), f"m{message.pk}")
            return Sent(to, known_as, {})
        text = payloads.text_message(*payloads.short_of(message))
    yield partial(sms.send, to, text)
    return Sent(to, "", {})


def _address(message: Message) -> str:
    """The channel's, which may have changed since it was decided."""
    assert message.channel is not None  # noqa: S101 - _withheld() saw to it
    return message.channel.address


def _fail(message: Message, error: Exception) -> None:
    """It waits for another try, or this was the last one; a push that some devices have is sent then."""
    known = isinstance(error, TransportError)
    reason = str(error) if known else type(error).__name__
    final = is_last(error, message.attempts)
    extra = {"action": queue.DELIVER.name, "row": message.pk, "reason": reason, "final": final}
    extra["ours"] = getattr(error, "ours", False)
    logger.warning("delivery failed", extra=extra, exc_info=not known)
    tried: dict[str, Any] = {"attempts": message.attempts + 1, "failure": reason, "devices": message.devices}
    if not final:
        tried |= {
            "waits_for": Message.WaitsFor.RETRY,
            "due_at": Now() + timedelta(seconds=wait_after(message.attempts)),
        }
        _settle([message.pk], workflow_state=State.STAGED, **tried)
    elif isinstance(error, AddressRefused):
        _settle([message.pk], workflow_state=State.BOUNCED, **tried)
    elif pushes.is_accepted(message):
        _settle_sent({message.pk: Sent(message.address, "", message.devices)})
    else:
        _settle([message.pk], workflow_state=State.TRANSMISSION_ERROR, **tried)


def _settle(message_ids: Sequence[int], **fields: Any) -> None:
    """Nothing where somebody else has settled them meanwhile."""
    if message_ids:
        claimed = Message.objects.filter(pk__in=message_ids, workflow_state=State.SENDING)
        claimed.update(**{"failure": "", "waits_for": "", "due_at": None, "updated_at": Now()} | fields)


def _settle_sent(sent: Mapping[int, Sent]) -> None:
    """The same, in one statement, for those that were sent."""
    if sent:
        addresses, known_as, devices = zip(*sent.values(), strict=True)
        told = [orjson.dumps(each).decode() for each in devices]
        with connection.cursor() as cursor:
            cursor.execute(_SETTLE_SENT, [list(sent), list(addresses), list(known_as), told])
