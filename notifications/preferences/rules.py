"""How often a channel gets each notification, and changing it. Knows nothing of HTTP.

What was chosen for the channel holds; else its account's default, on the user's first channel of its
type; else the category's default, on the user's first channel; else ``never``. *First* is the live
channel of the lowest position at the time of asking (Canvas: ``user.communication_channel``), so that
who deletes or reorders their first channel goes on being told. Reading writes nothing.
"""

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

from django.db.models import F, FilteredRelation, Q

from canvas_channels.core.identity.callers import Caller
from channels_api import audit
from channels_api.audit import Action
from channels_api.models import LIVE, CommunicationChannel
from notifications.preferences import catalogue, defaults, mandatory
from notifications.preferences.checks import check_frequency
from notifications.preferences.frequencies import effective
from notifications.preferences.models import Frequency, Notification, NotificationPreference


class Entry(TypedDict):
    """``mandatory`` is there where the user's home account made the category so, and true."""

    notification: str
    category: str
    frequency: str
    mandatory: NotRequired[bool]


def of_channel(channel: CommunicationChannel, notification: str | None = None) -> list[Entry]:
    """Every notification's frequency, or that of one; at most three statements, however many there are.

    ``channel.user`` is read for the home account. Raises :class:`NotInCatalogue`.
    """
    first, first_of_type = _is_first(channel)
    account = defaults.of_channel(channel) if first_of_type else {}
    return [
        _entry(
            row,
            effective(
                chosen=row.chosen,
                account_default=account.get(row.category_id),
                category_default=row.category.default_frequency,
                first=first,
                first_of_type=first_of_type,
            ),
            mandatory=row.mandatory,
        )
        for row in _chosen(channel, notification)
    ]


def change(caller: Caller, channel: CommunicationChannel, wanted: Mapping[str, str | None]) -> list[Entry]:
    """Set frequencies by the notifications' slugs, all of them or none; answers what was set.

    Raises :class:`NotInCatalogue`, and :class:`InvalidValue` for what is no frequency.
    """
    rows = catalogue.notifications_named(wanted)
    return _write(caller, channel, {row: check_frequency(wanted[row.slug]) for row in rows})


def change_category(
    caller: Caller | None, channel: CommunicationChannel, category: str, frequency: str | None
) -> list[Entry]:
    """Set the frequency of a whole category, by its slug. Raises as :func:`change` does.

    ``caller`` None: somebody who followed the link in a message.
    """
    rows = catalogue.notifications_of(category)
    return _write(caller, channel, dict.fromkeys(rows, check_frequency(frequency)))


def _is_first(channel: CommunicationChannel) -> tuple[bool, bool]:
    """Whether it is the user's first live channel, and the first of its type."""
    live = CommunicationChannel.objects.filter(LIVE, user=channel.user_id).order_by("position", "id")
    rows = list(live.values_list("id", "type"))
    same_type = [pk for pk, type_ in rows if type_ == channel.type]
    return rows[:1] == [(channel.pk, channel.type)], same_type[:1] == [channel.pk]


def _chosen(channel: CommunicationChannel, notification: str | None) -> list[Any]:
    """Notifications (all, or one), with ``chosen`` for the channel (None: nothing) and ``mandatory``."""
    own = FilteredRelation("preferences", condition=Q(preferences__channel=channel.pk))
    rows = catalogue.notifications() if notification is None else catalogue.rows_named([notification])
    marked = mandatory.made_by(channel.user.home_account_id, "category")
    found = list(rows.annotate(own=own, chosen=F("own__frequency"), mandatory=marked))
    if notification is not None and not found:
        raise catalogue.NotInCatalogue
    return found


def _write(
    caller: Caller | None, channel: CommunicationChannel, frequencies: Mapping[Notification, Frequency]
) -> list[Entry]:
    rows = [
        NotificationPreference(channel=channel, notification=notification, frequency=frequency)
        for notification, frequency in frequencies.items()
    ]
    # Parallel calls lock rows in one order: else two of them could wait for each other.
    rows.sort(key=lambda row: row.notification_id)
    NotificationPreference.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["channel", "notification"],
        update_fields=["frequency"],
    )
    changed = {row.slug: frequency for row, frequency in frequencies.items()}
    audit.record(caller, Action.SET_PREFERENCES, user_id=channel.user_id, channel_id=channel.pk, set=changed)
    marked = mandatory.categories_of(channel.user.home_account_id)
    return [
        _entry(row, frequency, mandatory=row.category_id in marked) for row, frequency in frequencies.items()
    ]


def _entry(notification: Notification, frequency: str, *, mandatory: bool) -> Entry:
    entry: Entry = {
        "notification": notification.slug,
        "category": notification.category.slug,
        "frequency": frequency,
    }
    if mandatory:
        entry["mandatory"] = True
    return entry
