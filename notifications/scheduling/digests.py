"""Making digests: one message of what a channel's user chose to be told once a day or once a week."""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Left, Now
from django.utils import translation
from django.utils.translation import gettext

from canvas_channels.core.identity.locales import locale_of
from canvas_channels.core.outbox import Job
from channels_api.models import CommunicationChannel
from notifications.messages import queue
from notifications.messages.models import Message, MessageQuerySet
from notifications.preferences.models import (
    CourseOverride,
    CoursePreference,
    Frequency,
    MandatoryCategory,
    NotificationCategory,
    NotificationPreference,
)
from notifications.preferences.topics import topic_of

State = Message.WorkflowState

# Canvas's; the other categories follow by their names.
ORDER = (
    *("announcement", "grading", "late_grading", "registration", "invitation", "grading_policies"),
    "submission_comment",
)
MAX_EXCERPT = 300  # characters of each notification's text
_MAX_SUBJECT = 255
SHARE = Job("notifications.make_share_of_digests", "share_of_digests", "share")
SHARES = 2  # workers that make digests at once
AT_A_TIME = 4.0  # seconds; a worker that is told to end waits as long
_EVER = datetime.max.replace(tzinfo=UTC)
_CHANNELS = 200  # a batch


class Section(NamedTuple):
    """What a digest says of a category."""

    category: NotificationCategory
    entries: list[Message]


def ask() -> None:
    """Have the digests made that are due, by several workers at once."""
    _due(Now()).filter(channel=None).cancel()
    SHARE.ask(range(1, SHARES + 1))


def make_share(share: int) -> None:
    """The job: batches for a while, and another job where there may be more to do.

    Each batch is a transaction, and leaves the channels that another worker holds. So the workers share them,
    and one that dies loses and doubles none.
    """
    until = time.monotonic() + AT_A_TIME
    while _make_batch(_due(Now())) is not None:
        if time.monotonic() > until:
            SHARE.ask([share])
            return


def make(now: datetime | None = None) -> int:
    """Make the digests of all entries that are due by ``now``; None: whatever they wait for.

    Returns how many were made.
    """
    due = _due(now or _EVER)
    due.filter(channel=None).cancel()
    made = 0
    while (batch := _make_batch(due)) is not None:
        made += batch
    return made


def entries_of(digest: Message) -> list[Section]:
    """What a digest says, by category in Canvas's order, each entry with its dispatch; one statement."""
    rows = Message.objects.filter(digest=digest)
    return _by_category(rows.select_related("dispatch", "notification__category"))


def _due(now: datetime | Now) -> MessageQuerySet:
    return Message.objects.filter(
        workflow_state=State.STAGED, waits_for=Message.WaitsFor.DIGEST, due_at__lte=now
    )


@transaction.atomic
def _make_batch(due: "QuerySet[Message]") -> int | None:
    """The digests of some channels; None: there was nothing to do, or others do it."""
    channels: dict[int | None, CommunicationChannel] = {channel.pk: channel for channel in _claim(due)}
    entries = _entries(due.filter(channel__in=channels))
    if not entries:
        return None
    outcomes: dict[int, tuple[State, int | None]] = {}
    newest: dict[tuple[object, ...], Message] = {}
    for entry in entries:
        state = _withheld(channels[entry.channel_id], entry)
        outcomes[entry.pk] = (state or State.CANCELLED, None)
        if state is None:  # the newest of one thing is the last
            thing = entry.object_id or entry.pk
            newest[entry.channel_id, entry.account_id, entry.notification_id, thing] = entry
    groups: dict[tuple[int | None, int], list[Message]] = defaultdict(list)
    for entry in newest.values():
        groups[entry.channel_id, entry.account_id].append(entry)
    digests = [_digest(channels[group[0].channel_id], group) for group in groups.values()]
    Message.objects.bulk_create(digests)
    for digest, group in zip(digests, groups.values(), strict=True):
        outcomes |= {entry.pk: (State.CLOSED, digest.pk) for entry in group}
    _settle(outcomes)
    queue.ask([digest.pk for digest in digests])
    return len(digests)


def _claim(due: "QuerySet[Message]") -> "QuerySet[CommunicationChannel]":
    """Channels that nobody else holds; ours till the transaction ends, so that none is retired meanwhile."""
    channels = CommunicationChannel.objects.filter(pk__in=due.order_by().values("channel"))
    return (
        channels.select_for_update(skip_locked=True, of=("self",), no_key=True)
        .select_related("user__home_account")
        .only(
            *("type", "address", "workflow_state", "bounce_count"),
            *("user__locale", "user__workflow_state", "user__home_account__locale"),
        )[:_CHANNELS]
    )


def _entries(due: "QuerySet[Message]") -> list[Any]:
    """Oldest first, each with what its user chose since: the course's override, else the channel's own."""
    override = CourseOverride.objects.filter(
        channel=OuterRef("channel"),
        course_id=OuterRef("dispatch__course_id"),
        category=OuterRef("notification__category"),
    )
    preference = NotificationPreference.objects.filter(
        channel=OuterRef("channel"), notification=OuterRef("notification")
    )
    muted = CoursePreference.objects.filter(
        user=OuterRef("user"), course_id=OuterRef("dispatch__course_id"), enabled=False
    )
    mandatory = MandatoryCategory.objects.filter(
        account=OuterRef("account"), category=OuterRef("notification__category")
    )
    return list(
        due.select_for_update(skip_locked=True, of=("self",))
        .order_by("dispatch", "id")
        .select_related("dispatch", "account", "notification__category")
        .only(
            *("user", "channel", "frequency", "object_id"),
            *("dispatch__subject", "dispatch__course_name", "dispatch__url", "account__name"),
            *("notification__category__slug", "notification__category__name"),
        )
        .alias(
            chosen=Coalesce(Subquery(override.values("frequency")), Subquery(preference.values("frequency")))
        )
        .annotate(
            excerpt=Left("dispatch__body", MAX_EXCERPT + 1),
            unwanted=(Exists(muted) & ~Exists(mandatory)) | Q(chosen=Frequency.NEVER),
        )
    )


def _withheld(channel: CommunicationChannel, entry: Any) -> State | None:
    """Why nothing is said of it; None: it goes into a digest."""
    active = channel.workflow_state == CommunicationChannel.WorkflowState.ACTIVE
    if not active or not channel.user.is_active or entry.unwanted:
        return State.CANCELLED
    return State.BOUNCED if channel.is_bouncing else None


def _digest(channel: CommunicationChannel, entries: Sequence[Message]) -> Message:
    """Its text is for the record; what is sent has links too, which are no business of the record's."""
    daily = any(entry.frequency == Frequency.DAILY for entry in entries)
    with translation.override(locale_of(channel.user)):
        names = {"account": entries[0].account.name}
        if daily:
            subject = gettext("Daily notifications from %(account)s") % names
        else:
            subject = gettext("Weekly notifications from %(account)s") % names
        body = "\n\n\n".join(map(_text_of, _by_category(entries)))
    return Message(
        kind=Message.Kind.DIGEST,
        type=channel.type,
        frequency=Frequency.DAILY if daily else Frequency.WEEKLY,
        account_id=entries[0].account_id,
        user_id=channel.user_id,
        channel_id=channel.pk,
        address=channel.address,
        subject=subject if len(subject) <= _MAX_SUBJECT else f"{subject[: _MAX_SUBJECT - 1]}…",
        body=body,
    )


def _text_of(section: Section) -> str:
    topic = topic_of(section.category)
    return "\n".join([topic, "-" * len(topic), *map(_text_of_entry, section.entries)])


def _text_of_entry(entry: Any) -> str:
    dispatch = entry.dispatch
    heading = f"{dispatch.course_name}: {dispatch.subject}" if dispatch.course_name else dispatch.subject
    excerpt = " ".join(entry.excerpt.split())
    if len(entry.excerpt) > MAX_EXCERPT:
        excerpt = f"{excerpt[: MAX_EXCERPT - 1]}…"
    return "\n".join(["", heading, *filter(None, [excerpt, dispatch.url])])


def _by_category(entries: Iterable[Any]) -> list[Section]:
    def order(entry: Any) -> tuple[int, str]:
        category = entry.notification.category
        return ORDER.index(category.slug) if category.slug in ORDER else len(ORDER), category.name

    by_category = sorted(entries, key=lambda entry: (order(entry), entry.dispatch_id))
    return [
        Section(group[0].notification.category, group)
        for group in (list(rows) for _, rows in groupby(by_category, order))
    ]


def _settle(outcomes: Mapping[int, tuple[State, int | None]]) -> None:
    """Write what became of entries, by their ids: a state, and the digest that says it."""
    states, digests = zip(*outcomes.values(), strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE notifications_message AS entry SET workflow_state = outcome.state, "
            "digest_id = outcome.digest_id, waits_for = '', updated_at = now() "
            "FROM unnest(%s::bigint[], %s::text[], %s::bigint[]) AS outcome (id, state, digest_id) "
            "WHERE entry.id = outcome.id",
            [list(outcomes), list(states), list(digests)],
        )
