"""How the API shows a message: Canvas's CommMessage, and what became of one."""

from typing import Any

from notifications.gateways.envelopes import sender
from notifications.messages.models import Message

REGISTRATION = "registration"


def comm_message(message: Message) -> dict[str, Any]:
    """Canvas's CommMessage; bodies are null where they are not kept."""
    dispatch = message.dispatch
    said = dispatch or message
    kept = is_kept(message)
    return {
        "id": message.pk,
        "created_at": message.created_at,
        "sent_at": message.sent_at,
        "workflow_state": message.workflow_state,
        "from": sender() if message.type == "email" else None,
        "from_name": (dispatch and dispatch.from_name) or message.account.name,
        "to": message.address,
        "reply_to": None,
        "subject": said.subject,
        "body": said.body if kept else None,
        "html_body": ((dispatch and dispatch.html_body) or None) if kept else None,
    }


def is_kept(message: Message) -> bool:
    """Whether what it says may be shown: registration messages hold links that let somebody in."""
    return not (message.notification and message.notification.category.slug == REGISTRATION)


def own_message(message: Message) -> dict[str, Any]:
    """The same for the user themselves, with what it is about and what became of it."""
    notification = message.notification
    about = {
        "notification": notification.slug if notification else None,
        "category": notification.category.slug if notification else None,
    }
    return comm_message(message) | about | outcome(message)


def outcome(message: Message) -> dict[str, Any]:
    """What became of a message, without what it said; ``devices`` are those of a push."""
    return {
        "id": message.pk,
        "type": message.type,
        "kind": message.kind,
        "communication_channel_id": message.channel_id,
        "workflow_state": message.workflow_state,
        "created_at": message.created_at,
        "sent_at": message.sent_at,
        "due_at": message.due_at,
        "reason": message.failure or None,
        "devices": [
            {"id": int(pk), "state": told["state"], "reason": told["reason"] or None}
            for pk, told in sorted(message.devices.items(), key=_by_id)
        ],
    }


def _by_id(device: tuple[str, Any]) -> int:
    return int(device[0])
