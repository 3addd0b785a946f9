"""Storing events as they come, and handling them in the worker."""

import logging
import uuid
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import orjson
from django.db import transaction
from django.utils import timezone

from notifications.gateways import topics
from notifications.webhooks import bounces, endpoints, providers, sns_messages, tracking
from notifications.webhooks.models import WebhookEvent

logger = logging.getLogger(__name__)

Change = Callable[[], None]
Provider = WebhookEvent.Provider

_PRUNE_AT_ONCE = 1000


@transaction.atomic
def store(provider: str, events: list[providers.Event]) -> int:
    """Keep the events that are new, with a job for each in their order; returns how many they are.

    Three statements, however many events.
    """
    request_id = uuid.uuid4()
    rows = [
        WebhookEvent(
            provider=provider,
            key=providers.key_of(provider, event),
            request_id=request_id,
            body=orjson.dumps(event).decode(),
        )
        for event in events
    ]
    # Written in one order, so that two requests with the same events never wait for each other.
    in_one_order = sorted(rows, key=lambda row: row.key)
    WebhookEvent.objects.bulk_create(in_one_order, ignore_conflicts=True)
    ours = WebhookEvent.objects.filter(
        provider=provider, key__in=[row.key for row in rows], request_id=request_id
    )
    new = dict(ours.values_list("key", "pk"))
    WebhookEvent.job.ask([new[key] for key in dict.fromkeys(row.key for row in rows) if key in new])
    return len(new)


def handle(event_id: int) -> None:
    """Verify, normalise and apply one event, once. Raises :class:`TransportError`.

    Calls to the outside come first; what the event changes is one transaction with its mark.
    """
    event = WebhookEvent.objects.waiting().filter(pk=event_id).first()
    if event is None:
        return
    change = _read(event)
    with transaction.atomic():
        if WebhookEvent.objects.mark_sent(event_id):
            change()


def prune(days: int) -> int:
    """Forget events of so many days ago, a batch at most; returns how many.

    Never sooner than SNS may send a message again, or a replayed one would count as new.
    """
    age = max(timedelta(days=days), sns_messages.REPLAY_WINDOW * 2)
    old = WebhookEvent.objects.filter(received_at__lt=timezone.now() - age)
    batch = list(old.order_by("received_at").values_list("pk", flat=True)[:_PRUNE_AT_ONCE])
    WebhookEvent.objects.filter(pk__in=batch).delete()
    return len(batch)


def _read(event: WebhookEvent) -> Change:
    """What the event changes, to be run in a transaction. Raises :class:`TransportError`."""
    if event.provider in {Provider.AMAZON_SES, Provider.AMAZON_SNS}:
        message = orjson.loads(event.body)
        sns_messages.verify(message, event.received_at)
        if message["Type"] != sns_messages.NOTIFICATION:
            _heed_subscription(message)
            return _nothing
        if event.provider == Provider.AMAZON_SNS:
            return endpoints.read(message["Message"], event.received_at)
    return partial(bounces.record, tracking.read(event.provider, event.body), event.received_at)


def _heed_subscription(message: dict[str, str]) -> None:
    """Confirm a subscription of a topic of ours; again is no error. Raises :class:`TransportError`."""
    topic = message["TopicArn"]
    if message["Type"] == sns_messages.SUBSCRIPTION_CONFIRMATION:
        topics.confirm_subscription(topic, message["Token"])
    logger.warning("SNS subscription changed", extra={"action": message["Type"], "topic": topic})


def _nothing() -> None:
    """A subscription changes no row."""
