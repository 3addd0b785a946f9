"""A message to a user's devices: one SNS publish each, and on the row what became of it there."""

from collections import defaultdict
from collections.abc import Generator, Iterable, Sequence
from functools import partial
from typing import Any

from channels_api.devices import registration
from channels_api.models import CommunicationChannel, PushDevice
from notifications.gateways import EndpointGone, TransportError, push
from notifications.messages import payloads
from notifications.messages.models import Message
from notifications.senders.devices import mark_dead
from notifications.worker.together import Call, Steps

ACCEPTED, REFUSED, WAITING = "accepted", "refused", "waiting"

Told = dict[str, str]
Devices = dict[str, Told]


def is_accepted(message: Message) -> bool:
    """Whether some device has it."""
    return any(told["state"] == ACCEPTED for told in message.devices.values())


def devices_of(messages: Iterable[Message]) -> dict[int, list[PushDevice]]:
    """By user, the devices of those that pushes go to; one statement."""
    users = {message.user_id for message in messages if message.type == CommunicationChannel.Type.PUSH}
    found: dict[int, list[PushDevice]] = defaultdict(list)
    for device in registration.of_users(users) if users else ():
        found[device.user_id].append(device)
    return found


def send(message: Message, devices: Sequence[PushDevice]) -> Steps:
    """Publish to each device that has not accepted it yet; what one said is written before the next is asked.

    Raises :class:`TransportError`: a passing one while some device may take it yet, a permanent one where
    none did.
    """
    content = payloads.push_message(*payloads.short_of(message), message.user_id)
    found = {str(device.pk): device for device in devices}
    for pk, told in message.devices.items():
        if pk not in found and told["state"] == WAITING:
            told |= {"state": REFUSED, "reason": "It is not registered any more"}
    open_ = [pk for pk in found if pk not in message.devices or message.devices[pk]["state"] != ACCEPTED]
    for pk in open_:
        message.devices[pk] = yield from _publish(found[pk], content)
        if pk != open_[-1]:
            Message.objects.filter(pk=message.pk).update(devices=message.devices)
    waiting = _reasons(message, WAITING)
    if waiting:
        raise TransportError(waiting[0])
    if not is_accepted(message):
        refused = _reasons(message, REFUSED)
        raise TransportError(refused[0] if refused else "No device is registered", permanent=True)


def _publish(device: PushDevice, content: str) -> Generator[Call, Any, Told]:
    if device.workflow_state == PushDevice.WorkflowState.FAILED:
        return {"state": REFUSED, "reason": device.failure}
    if device.workflow_state != PushDevice.WorkflowState.REGISTERED or not device.endpoint_arn:
        return {"state": WAITING, "reason": "It is not registered at SNS yet"}
    try:
        yield partial(push.publish, device.endpoint_arn, content, device.token)
    except EndpointGone as error:
        mark_dead(device, str(error))
        return {"state": REFUSED, "reason": str(error)}
    except TransportError as error:
        return {"state": REFUSED if error.permanent else WAITING, "reason": str(error)}
    return {"state": ACCEPTED, "reason": ""}


def _reasons(message: Message, state: str) -> list[str]:
    return [told["reason"] for told in message.devices.values() if told["state"] == state]
