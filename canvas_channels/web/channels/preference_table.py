"""The table of preferences: a column a channel, a row a category, in groups."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.utils.translation import gettext_lazy

from canvas_channels.core.identity.models import User
from canvas_channels.web.channels.channel_row import name_of
from channels_api.models import CommunicationChannel
from notifications.preferences import mandatory, offers, rules
from notifications.preferences.catalogue import ALWAYS
from notifications.preferences.models import Frequency, NotificationCategory
from notifications.preferences.topics import in_groups, topic_of

COLUMNS = 8  # as many as a page of 100 KB has room for
MIXED = "mixed"  # the category's notifications have several frequencies
FREQUENCIES = {
    Frequency.IMMEDIATELY: gettext_lazy("At once"),
    Frequency.DAILY: gettext_lazy("Daily"),
    Frequency.WEEKLY: gettext_lazy("Weekly"),
    Frequency.NEVER: gettext_lazy("Never"),
    MIXED: gettext_lazy("Several"),
}


@dataclass(frozen=True, slots=True)
class Column:
    """A channel; ``options`` are what its notifications may be set to, all at once.

    ``is_picked``: a phone, which shows one column, begins with it.
    """

    channel: CommunicationChannel
    options: tuple[tuple[str, Any], ...]
    is_picked: bool

    @property
    def name(self) -> str:
        return name_of(self.channel)

    @property
    def sends(self) -> bool:
        return offers.sends_to(self.channel)

    @property
    def is_unconfirmed(self) -> bool:
        return self.channel.workflow_state == CommunicationChannel.WorkflowState.UNCONFIRMED


@dataclass(frozen=True, slots=True)
class Choice:
    """A cell; ``locked``: it comes at once to this channel, whatever is chosen. No options: it never can."""

    channel_id: int
    field: str
    frequency: str
    options: tuple[tuple[str, Any], ...]
    locked: bool

    @property
    def words(self) -> Any:
        return FREQUENCIES[self.frequency]


@dataclass(frozen=True, slots=True)
class Row:
    """``decided``: by whom nothing is left to choose, "account" or "service"; else empty."""

    group: str
    slug: str
    topic: str
    choices: list[Choice]
    decided: str


class Decision(NamedTuple):
    """Who leaves nothing to choose of a category, as ``Row.decided``, and the channel that it comes to."""

    by: str
    channel_id: int | None


NOT_DECIDED = Decision("", None)


def decisions(user: User) -> Callable[[str], Decision]:
    """What is decided of a category, by its slug."""
    made = mandatory.slugs_of(user.home_account_id)
    by_account = Decision("account", mandatory.receiving_channel(user.pk))
    by_service = Decision("service", mandatory.receiving_channel(user.pk, prefer_institutional=False))
    return lambda slug: by_service if slug in ALWAYS else by_account if slug in made else NOT_DECIDED


def columns_of(channels: list[CommunicationChannel]) -> list[Column]:
    picked = next((channel for channel in channels if offers.sends_to(channel)), next(iter(channels), None))
    return [
        Column(
            channel,
            _options(offers.ALL if channel.type == "email" else offers.AT_ONCE_OR_NEVER),
            is_picked=channel is picked,
        )
        for channel in channels
    ]


def rows_of(user: User, channels: list[CommunicationChannel]) -> list[Row]:
    """A row for each category that the catalogue has notifications of."""
    frequencies: dict[tuple[str, int], set[str]] = {}
    pushed = offers.pushed_categories()
    for channel in channels:
        for entry in rules.of_channel(channel):
            frequencies.setdefault((entry["category"], channel.pk), set()).add(
                _told(channel, entry["frequency"])
            )
    decided = decisions(user)
    found = []
    for group, category in in_groups(NotificationCategory.objects.order_by("position", "id")):
        slug = category.slug
        by, receiving = decided(slug)
        choices = [
            _choice(
                channel, slug, several, offers.offered(channel, slug, pushed), locked=channel.pk == receiving
            )
            for channel in channels
            if (several := frequencies.get((slug, channel.pk)))
        ]
        if choices:
            found.append(Row(group, slug, topic_of(category), choices, by))
    return found


def _choice(
    channel: CommunicationChannel,
    category: str,
    frequencies: set[str],
    offered: tuple[Frequency, ...],
    *,
    locked: bool,
) -> Choice:
    frequency = frequencies.pop() if len(frequencies) == 1 else MIXED
    field = f"{channel.pk}.{category}.{frequency}"
    if locked:
        return Choice(channel.pk, field, Frequency.IMMEDIATELY, (), locked=True)
    if not offered:
        return Choice(channel.pk, field, Frequency.NEVER, (), locked=False)
    return Choice(channel.pk, field, frequency, _options(offered), locked=False)


def _told(channel: CommunicationChannel, frequency: str) -> str:
    """What comes of a frequency: there are digests by email alone."""
    if channel.type == CommunicationChannel.Type.EMAIL or frequency == Frequency.IMMEDIATELY:
        return frequency
    return Frequency.NEVER


def _options(frequencies: tuple[Frequency, ...]) -> tuple[tuple[str, Any], ...]:
    return tuple((frequency.value, FREQUENCIES[frequency]) for frequency in frequencies)
