"""``/profile/notifications``: how often each way to contact a user gets what, by category.

A choice is saved at once where scripts run, else with the form's button; then only what differs from
what was shown is written, so that an old page does not undo what was chosen elsewhere.
"""

import re
from collections.abc import Iterator
from datetime import time
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext

from canvas_channels.core.identity.callers import Subject
from canvas_channels.web.channels.preference_table import COLUMNS, MIXED, columns_of, rows_of
from canvas_channels.web.pages import is_fragment, page
from canvas_channels.web.people.forms import days_in_words
from canvas_channels.web.people.visits import Visit, in_zone_of
from channels_api.channels import registry
from channels_api.errors import InvalidValue, NotFound
from channels_api.models import LIVE, CommunicationChannel
from notifications.preferences import rules
from notifications.scheduling.zones import next_daily, next_weekly, zone_of
from notifications.settings import courses, quiet_hours

_FIELD = re.compile(r"([0-9]{1,18})\.([a-z0-9_]+)\.([a-z]+)")  # a channel, a category, what was shown
_ALL = re.compile(r"([0-9]{1,18})\.all")  # a channel, of which everything is set


class Preferences(Visit):
    own_page = "preferences"
    page_of_user = "user_preferences"

    def get(self, request: HttpRequest, **_: Any) -> HttpResponse:
        subject = self.subject()
        live = CommunicationChannel.objects.filter(LIVE, user=subject.user.pk).order_by("position", "id")
        pages = Paginator(live, COLUMNS).get_page(request.GET.get("page"))
        shown = list(pages)
        for channel in shown:
            channel.user = subject.user
        context = {
            **self.person_context(subject),
            "pages": pages,
            "columns": columns_of(shown),
            "rows": rows_of(subject.user, shown),
            "account": subject.user.home_account,
            "mixed": MIXED,
            **self.when(subject),
        }
        with in_zone_of(subject.user):
            return page(request, "preferences.html", context, scripts=True)

    def when(self, subject: Subject) -> dict[str, Any]:
        """What is beside frequencies: when digests come, when it is quiet, and which courses are muted."""
        user = subject.user
        now, zone = timezone.now(), zone_of(user.time_zone, user.home_account.default_time_zone)
        hours = quiet_hours.of_user(user)
        muted = courses.of_user(self.caller) if subject.is_self else []
        return {
            "zone": zone.key,
            "daily": next_daily(now, zone),
            "weekly": next_weekly(now, zone, user.pk),
            "quiet": {
                "start": hours["from"] and time.fromisoformat(hours["from"]),
                "end": hours["to"] and time.fromisoformat(hours["to"]),
                "days": days_in_words(hours["days"]),
            },
            "muted": [course for course in muted if not course.enabled],
        }

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
        """All of a channel first: what was chosen beside it is the exception."""
        for channel_id, frequency in self._chosen_for_all():
            self._set_all(subject, channel_id, frequency)
        for channel_id, category, frequency in self._chosen():
            channel = registry.find(subject.user, channel_id=channel_id)
            rules.change_category(self.caller, channel, category, frequency)

    def _set_all(self, subject: Subject, channel_id: int, frequency: str) -> None:
        """Wherever there is that choice."""
        channel = registry.find(subject.user, channel_id=channel_id)
        wanted = {
            row.slug
            for row in rows_of(subject.user, [channel])
            for choice in row.choices
            if frequency in dict(choice.options)
        }
        if not wanted:
            raise NotFound
        entries = rules.of_channel(channel)
        set_to = {each["notification"]: frequency for each in entries if each["category"] in wanted}
        rules.change(self.caller, channel, set_to)

    def _chosen_for_all(self) -> Iterator[tuple[int, str]]:
        for name, frequency in self.request.POST.items():
            field = _ALL.fullmatch(name)
            if field and frequency:
                yield int(field[1]), str(frequency)

    def _chosen(self) -> Iterator[tuple[int, str, str]]:
        for name, frequency in self.request.POST.items():
            field = _FIELD.fullmatch(name)
            if field and frequency != MIXED and (is_fragment(self.request) or frequency != field[3]):
                yield int(field[1]), field[2], str(frequency)
