"""``/users/<id>``: a person as their admins see them: who they are, what reaches them, and what was done."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from canvas_channels.core.identity.callers import Subject
from canvas_channels.web.admins.trail import TrailRow, entries_of
from canvas_channels.web.channels.channel_row import channel_rows
from canvas_channels.web.channels.sent import MessageRow
from canvas_channels.web.pages import page
from canvas_channels.web.people.visits import Visit, in_zone_of
from channels_api import people
from channels_api.devices import registration
from channels_api.errors import NotPermitted
from notifications.record import access
from notifications.scheduling.zones import zone_of

NEWEST = 5  # messages and entries that are shown; each has a page for all


class Person(Visit):
    page_of_user = "person"

    def get(self, request: HttpRequest, **_: Any) -> HttpResponse:
        subject = self.administered()
        user = subject.user
        zone = zone_of(user.time_zone, user.home_account.default_time_zone)
        context = {
            **self.person_context(subject),
            "logins": people.logins_of(self.caller.user).filter(user=user).select_related("account"),
            "zone": zone.key,
            "their_language": dict(settings.LANGUAGES).get(user.locale, user.locale),
            "rows": channel_rows(subject, editable=False),
            "devices": None if self.caller.acting else registration.of_user(user.pk),
            "messages_shown": self.messages_shown(subject),
            "trail": [TrailRow(entry) for entry in entries_of(subject)[:NEWEST]],
            "may_act": not subject.is_self and not self.caller.acting and user.is_active,
        }
        with in_zone_of(user):
            return page(request, "person.html", context, scripts=True)

    def messages_shown(self, subject: Subject) -> list[MessageRow] | None:
        """The newest ones; None: they are not the caller's to read."""
        try:
            return [MessageRow(message) for message in access.shown(self.caller, subject)[:NEWEST]]
        except NotPermitted:
            return None
