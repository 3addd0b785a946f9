"""``/profile/notifications``: how often each way to contact a user gets what, by category.

A choice is saved at once where scripts run, else with the form's button; then only what differs from
what was shown is written, so that an old page does not undo what was chosen elsewhere.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext, gettext_lazy

from canvas_channels.core.identity.callers import Subject
from canvas_channels.web.channels.channel_row import name_of
from canvas_channels.web.pages import is_fragment, page
from canvas_channels.web.people.visits import Visit
from channels_api.channels import registry
from channels_api.errors import InvalidValue, NotFound
from channels_api.models import LIVE, CommunicationChannel
from notifications.preferences import mandatory, rules
from notifications.preferences.models import Frequency, NotificationCategory
from notifications.preferences.topics import topic_of

COLUMNS = 3  # a page has room for no more
MIXED = "mixed"  # the category's notifications have several frequencies
FREQUENCIES = {
    Frequency.IMMEDIATELY: gettext_lazy("At once"),
    Frequency.DAILY: gettext_lazy("Daily"),
    Frequency.WEEKLY: gettext_lazy("Weekly"),
    Frequency.NEVER: gettext_lazy("Never"),
    MIXED: gettext_lazy("Several"),
}

_FIELD = re.compile(r"([0-9]{1,18})\.([a-z0-9_]+)\.([a-z]+)")  # a channel, a category, what was shown


@dataclass(frozen=True, slots=True)
class Choice:
    """A cell of the table; ``locked``: it comes at once to this channel, whatever is chosen."""

    channel_id: int
    field: str
    frequency: str
    locked: bool

    @property
    def words(self) -> Any:
        return FREQUENCIES[self.frequency]


@dataclass(frozen=True, slots=True)
class Row:
    slug: str
    topic: str
    choices: list[Choice]
    mandatory: bool


class Preferences(Visit):
    own_page = "preferences"
    page_of_user = "user_preferences"

    def get(self, request: HttpRequest, **_: Any) -> HttpResponse:
        subject = self.subject()
        live = CommunicationChannel.objects.filter(LIVE, user=subject.user.pk).order_by("position", "id")
        columns = Paginator(live, COLUMNS).get_page(request.GET.get("page"))
        shown = list(columns)
        for channel in shown:
            channel.user = subject.user
        context = {
            "subject": subject,
            "person": subject.user,
            "columns": columns,
            "heads": [(channel.pk, name_of(channel)) for channel in shown],
            "rows": _rows(shown, receiving=mandatory.receiving_channel(subject.user.pk)),
            "account": subject.user.home_account.name,
            "frequencies": [(value, words) for value, words in FREQUENCIES.items() if value != MIXED],
            "mixed": MIXED,
        }
        return page(request, "preferences.html", context, scripts=True)

    def post(self, request: HttpRequest, **_: Any) -> HttpResponse:
        subject = self.subject()
        if not subject.is_self:
            raise PermissionDenied
        try:
            with transaction.atomic():
                self._save(subject)
        except (NotFound, InvalidValue):
            messages.error(request, gettext("That could not be saved. Reload the page and try again."))
        else:
            messages.success(request, gettext("Saved."))
        if is_fragment(request):
            return page(request, "_status.html", scripts=True)
        return redirect(request.get_full_path())

    def _save(self, subject: Subject) -> None:
        for channel_id, category, frequency in self._chosen():
            channel = registry.find(subject.user, channel_id=channel_id)
            rules.change_category(self.caller, channel, category, frequency)

    def _chosen(self) -> Iterator[tuple[int, str, str]]:
        for name, frequency in self.request.POST.items():
            field = _FIELD.fullmatch(name)
            if field and frequency != MIXED and (is_fragment(self.request) or frequency != field[3]):
                yield int(field[1]), field[2], str(frequency)


def _rows(shown: list[CommunicationChannel], *, receiving: int | None) -> list[Row]:
    """The categories in the catalogue's order, with a choice for each channel.

    ``receiving``: the id of the channel that mandatory categories go to.
    """
    frequencies: dict[tuple[str, int], set[str]] = {}
    decided = set()
    for channel in shown:
        for entry in rules.of_channel(channel):
            frequencies.setdefault((entry["category"], channel.pk), set()).add(entry["frequency"])
            if "mandatory" in entry:
                decided.add(entry["category"])
    found = []
    for category in NotificationCategory.objects.order_by("position", "id"):
        choices = []
        for channel in shown:
            several = frequencies.get((category.slug, channel.pk))
            if not several:
                continue
            frequency = several.pop() if len(several) == 1 else MIXED
            field = f"{channel.pk}.{category.slug}.{frequency}"
            if category.slug in decided and channel.pk == receiving:
                choices.append(Choice(channel.pk, field, Frequency.IMMEDIATELY, locked=True))
            else:
                choices.append(Choice(channel.pk, field, frequency, locked=False))
        if choices:
            found.append(Row(category.slug, topic_of(category), choices, category.slug in decided))
    return found
