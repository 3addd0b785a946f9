"""All that the service keeps of a person, for the laws that let them have it, or have it erased.

Each layer knows its own rows; this one, above the others, asks them all.
"""

import re
from collections.abc import Iterator
from typing import Any

import orjson
from django.db import transaction
from django.db.models import Q

from canvas_channels.core.identity import personal_data as identity
from canvas_channels.core.identity.callers import locked
from canvas_channels.core.identity.models import User
from channels_api import audit
from channels_api import personal_data as registry
from channels_api.addresses import compared
from channels_api.models import CommunicationChannel
from notifications.models import (
    CourseOverride,
    CoursePreference,
    DispatchRecipient,
    Message,
    NotificationPreference,
    QuietHours,
    WebhookEvent,
)

_AT_ONCE = 1000
_MESSAGE_FIELDS = (
    *("id", "kind", "type", "workflow_state", "address", "subject", "body", "created_at", "sent_at"),
    *("notification__slug", "dispatch__subject", "dispatch__body"),
)


def exported(user: User) -> dict[str, Any]:
    """What there is of the user, as JSON can hold it. No token, code, password or digest is in it."""
    addresses = registry.addresses(user)
    found = identity.exported(user, addresses) | registry.exported(user)
    rows = NotificationPreference.objects.filter(channel__user=user).order_by("pk")
    chosen: dict[int, dict[str, str]] = {}
    for channel_id, slug, frequency in rows.values_list("channel", "notification__slug", "frequency"):
        chosen.setdefault(channel_id, {})[slug] = frequency
    for channel in found["communication_channels"]:
        channel["notification_preferences"] = chosen.get(channel["id"], {})
    events = _events(addresses | registry.endpoints(user))
    found["webhook_events"] = [
        {"provider": event.provider, "received_at": event.received_at, "event": orjson.loads(event.body)}
        for event in events
    ]
    return found | _sending(user)


def _sending(user: User) -> dict[str, Any]:
    courses = CoursePreference.objects.filter(user=user).order_by("course_id")
    overrides = CourseOverride.objects.filter(channel__user=user).order_by("course_id", "pk")
    hours = QuietHours.objects.filter(user=user)
    messages = Message.objects.filter(user=user).order_by("pk")
    return {
        "messages": list(messages.values(*_MESSAGE_FIELDS)),
        "quiet_hours": hours.values("starts", "ends", "days").first(),
        "course_notification_preferences": list(courses.values("course_id", "enabled")),
        "course_overrides": list(overrides.values("course_id", "channel_id", "category__slug", "frequency")),
    }


@transaction.atomic
def erase(user_id: int) -> dict[str, int]:
    """Forget a user, all of it or nothing; returns how much of what was forgotten, which may be nothing.

    What stays is an id that nobody can sign in with, and the audit trail of what it did and what was done
    to it. The devices' endpoints are deleted by jobs, each of which then forgets the device too.
    Raises ``User.DoesNotExist``.
    """
    user: User = locked(User.objects.filter(pk=user_id)).get()
    addresses = registry.addresses(user)
    channel_ids = list(CommunicationChannel.objects.filter(user=user).values_list("pk", flat=True))
    events = [event.pk for event in _events(registry.own_addresses(user) | registry.endpoints(user))]
    erased = {"webhook_events": _delete_events(events), "messages": _forget_messages(user)}
    erased |= registry.erase(user)
    erased |= identity.erase(user, addresses, channel_ids)
    if any(erased.values()):
        audit.record(None, audit.Action.ERASE, user_id=user.pk)
    return erased


def _events(terms: set[str]) -> Iterator[WebhookEvent]:
    """Events that hold one of the addresses or ARNs as a whole word; no index knows, so they are read."""
    words = {form for term in terms for form in (term, compared(term))}
    if not words:
        return
    holding = Q()
    for word in words:
        holding |= Q(body__icontains=word)
    whole = re.compile(rf"(?<![\w.+-])(?:{'|'.join(map(re.escape, words))})(?![\w-])", re.IGNORECASE)
    for event in WebhookEvent.objects.filter(holding).order_by("pk").iterator(chunk_size=_AT_ONCE):
        if whole.search(event.body):
            yield event


def _delete_events(ids: list[int]) -> int:
    for start in range(0, len(ids), _AT_ONCE):
        WebhookEvent.objects.filter(pk__in=ids[start : start + _AT_ONCE]).delete()
    return len(ids)


def _forget_messages(user: User) -> int:
    for model in (DispatchRecipient, CoursePreference, QuietHours):
        model._default_manager.filter(user=user).delete()
    return Message.objects.filter(user=user).delete()[1].get(Message._meta.label, 0)
