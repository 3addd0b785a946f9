"""``/profile/settings/courses/:id``: what a user is told of one course, where that is not as usual."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from django.core.paginator import Paginator
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy

from canvas_channels.core.identity.models import User
from canvas_channels.web.channels.preference_table import (
    COLUMNS,
    FREQUENCIES,
    MIXED,
    columns_of,
    decisions,
)
from canvas_channels.web.pages import page
from canvas_channels.web.people.own_settings import OwnSettings
from channels_api.models import LIVE, CommunicationChannel
from notifications.preferences import offers
from notifications.preferences.models import NotificationCategory
from notifications.preferences.topics import in_groups, topic_of
from notifications.settings import courses
from notifications.settings.courses import Course, Override

AS_USUAL = ""
_WORDS = {AS_USUAL: gettext_lazy("As usual")} | {
    value: words for value, words in FREQUENCIES.items() if value != MIXED
}
_FIELD = re.compile(r"([0-9]{1,18})\.([a-z0-9_]+)")  # a channel, a category


class Cell(NamedTuple):
    """``locked``: it comes at once to this channel, whatever is chosen. No options: it never can."""

    channel_id: int
    field: str
    frequency: str
    options: list[tuple[str, Any]]
    locked: bool


class Row(NamedTuple):
    """``decided``: by whom nothing is left to choose, "account" or "service"; else empty."""

    group: str
    slug: str
    topic: str
    cells: list[Cell]
    decided: str


class CourseChoices(OwnSettings):
    def get(self, request: HttpRequest, **_: Any) -> HttpResponse:
        subject, course = self.own(), self.course()
        user = subject.user
        live = CommunicationChannel.objects.filter(LIVE, user=user).order_by("position", "id")
        pages = Paginator(live, COLUMNS).get_page(request.GET.get("page"))
        shown = list(pages)
        for channel in shown:
            channel.user = user
        chosen = {
            (override["communication_channel_id"], override["category"]): override["frequency"]
            for override in courses.of_course(user, course.id)["overrides"]
        }
        context = {
            **self.person_context(subject),
            "account": user.home_account,
            "course": course,
            "pages": pages,
            "columns": columns_of(shown),
            "rows": list(_rows(user, shown, chosen)),
            "settings_page": self.back(),
        }
        return page(request, "course.html", context, scripts=True)

    def post(self, request: HttpRequest, **_: Any) -> HttpResponse:
        """Saves what the form shows; choices for channels on its other pages stay."""
        with transaction.atomic():
            subject = self.own(lock=True)
            course = self.course()
            asked = dict(self._asked())
            kept = {
                (each["communication_channel_id"], each["category"]): each["frequency"]
                for each in courses.of_course(subject.user, course.id)["overrides"]
            }
            live = set(
                CommunicationChannel.objects.filter(LIVE, user=subject.user).values_list("pk", flat=True)
            )
            overrides = [
                Override(channel_id, category, frequency)
                for (channel_id, category), frequency in (kept | asked).items()
                if frequency != AS_USUAL and channel_id in live
            ]
            courses.replace(subject, course.id, enabled=course.enabled, overrides=overrides)
        self.saved()
        return redirect(request.get_full_path())

    def course(self) -> Course:
        """One that the settings page shows; 404 for any other."""
        for course in courses.of_user(self.caller):
            if course.id == self.kwargs["course_id"]:
                return course
        raise Http404

    def _asked(self) -> Iterator[tuple[tuple[int, str], str]]:
        known = set(NotificationCategory.objects.values_list("slug", flat=True))
        for name, frequency in self.request.POST.items():
            field = _FIELD.fullmatch(name)
            if field and field[2] in known and frequency in _WORDS:
                yield (int(field[1]), field[2]), str(frequency)


def _rows(
    user: User, channels: list[CommunicationChannel], chosen: Mapping[tuple[int, str], str]
) -> Iterator[Row]:
    pushed, decided = offers.pushed_categories(), decisions(user)
    for group, category in in_groups(NotificationCategory.objects.order_by("position", "id")):
        slug = category.slug
        by, receiving = decided(slug)
        cells = [
            Cell(
                channel.pk,
                f"{channel.pk}.{slug}",
                chosen.get((channel.pk, slug), AS_USUAL),
                _options(offers.offered(channel, slug, pushed)),
                locked=channel.pk == receiving,
            )
            for channel in channels
        ]
        yield Row(group, slug, topic_of(category), cells, by)


def _options(offered: Iterable[str]) -> list[tuple[str, Any]]:
    """With the usual one; nothing where nothing is offered."""
    values = list(offered)
    return [(value, _WORDS[value]) for value in (AS_USUAL, *values)] if values else []
