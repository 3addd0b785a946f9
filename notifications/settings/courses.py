"""What a user chose for single courses: to be told nothing, or other frequencies. Knows nothing of HTTP."""

from collections.abc import Collection
from typing import Any, NamedTuple

from django.db.models import QuerySet

from canvas_channels.core.identity.callers import Caller, Subject
from canvas_channels.core.identity.models import User
from channels_api import audit
from channels_api.audit import Action
from channels_api.errors import InvalidValue, NotPermitted, Reason
from channels_api.models import LIVE, CommunicationChannel
from notifications.messages.models import Message
from notifications.preferences import catalogue
from notifications.preferences.checks import check_frequency
from notifications.preferences.models import CourseOverride, CoursePreference, Frequency
from notifications.record import access


class Override(NamedTuple):
    """What is asked for: a channel's id, a category by its slug, a frequency; None: not given, or none."""

    channel_id: int | None
    category: str
    frequency: str | None


class Course(NamedTuple):
    """``name`` is empty where none is known; ``overridden``: some channel has a frequency of its own."""

    id: int
    name: str
    enabled: bool
    overridden: bool


def of_course(user: User, course_id: int) -> dict[str, Any]:
    """As the API shows it; two statements. Channels that are gone are not shown."""
    muted = CoursePreference.objects.filter(user=user, course_id=course_id, enabled=False)
    overrides = CourseOverride.objects.filter(channel__in=_channels(user), course_id=course_id)
    rows = overrides.order_by("channel__position", "channel", "category__position", "category")
    return {
        "course_id": course_id,
        "enabled": not muted.exists(),
        "overrides": [
            {"communication_channel_id": channel_id, "category": category, "frequency": frequency}
            for channel_id, category, frequency in rows.values_list("channel", "category__slug", "frequency")
        ],
    }


def replace(
    subject: Subject, course_id: int, *, enabled: bool, overrides: Collection[Override]
) -> dict[str, Any]:
    """Set all that holds in a course, or nothing; answers it. The user's row is locked.

    A channel and category named twice: the last one counts. Raises :class:`InvalidValue` for what is no
    channel of the user's, no category or no frequency.
    """
    channels = {channel.pk: channel for channel in _channels(subject.user)}
    wanted: dict[tuple[int, str], Frequency] = {}
    for channel_id, category, frequency in overrides:
        if channel_id is None or channel_id not in channels:
            reason = "must be one of the user's communication channels"
            raise InvalidValue("communication_channel_id", Reason.INCLUSION, reason)
        wanted[channel_id, category] = check_frequency(frequency)
    try:
        rows = catalogue.categories_named({category for _, category in wanted})
    except catalogue.NotInCatalogue as error:
        raise InvalidValue("category", Reason.INCLUSION, "must be a category of notifications") from error
    categories = {row.slug: row for row in rows}
    CourseOverride.objects.filter(channel__user=subject.user, course_id=course_id).delete()
    CourseOverride.objects.bulk_create(
        CourseOverride(
            channel_id=channel_id, course_id=course_id, category=categories[category], frequency=frequency
        )
        for (channel_id, category), frequency in wanted.items()
    )
    return enable(subject, course_id, enabled=enabled)


def enable(subject: Subject, course_id: int, *, enabled: bool) -> dict[str, Any]:
    """Let the user be told of a course or not, and keep its overrides. The user's row is locked."""
    own = CoursePreference.objects.filter(user=subject.user, course_id=course_id)
    if enabled:
        own.delete()
    else:
        own.update_or_create(user=subject.user, course_id=course_id, defaults={"enabled": False})
    now = of_course(subject.user, course_id)
    audit.record(subject.caller, Action.SET_COURSE_PREFERENCES, user_id=subject.user.pk, **now)
    return now


def of_user(caller: Caller) -> list[Course]:
    """The courses that the caller was told of, as far as the record may be read, or chose something for."""
    user = caller.user
    try:
        told = access.own(caller).filter(dispatch__course_id__isnull=False)
    except NotPermitted:
        told = Message.objects.none()
    newest = told.order_by("dispatch__course_id", "-id").distinct("dispatch__course_id")
    rows: Any = newest.values_list("dispatch__course_id", "dispatch__course_name")
    names: dict[int, str] = dict(rows)
    muted = CoursePreference.objects.filter(user=user, enabled=False)
    muted_ids = set(muted.values_list("course_id", flat=True))
    overridden = CourseOverride.objects.filter(channel__in=_channels(user))
    overridden_ids = set(overridden.values_list("course_id", flat=True))
    courses = [
        Course(pk, names.get(pk, ""), pk not in muted_ids, pk in overridden_ids)
        for pk in names.keys() | muted_ids | overridden_ids
    ]
    return sorted(courses, key=lambda course: (not course.name, course.name.casefold(), course.id))


def _channels(user: User) -> "QuerySet[CommunicationChannel]":
    return CommunicationChannel.objects.filter(LIVE, user=user)
