"""``/users/<id>/audit``: the audit trail of a person, for their admins.

It shows what ``users/:user_id/communication_channels/audit`` answers, to whom that answers.
"""

import json
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy

from canvas_channels.core.identity.callers import Subject
from canvas_channels.web.channels.channel_row import name_of
from canvas_channels.web.filters import ListFilter
from canvas_channels.web.pages import page
from canvas_channels.web.people.visits import Visit, in_zone_of
from channels_api import audit
from channels_api.audit import Action
from channels_api.models import AuditEntry, CommunicationChannel

PER_PAGE = 50

WORDS: dict[str, Promise] = {
    Action.CREATE: gettext_lazy("Added"),
    Action.REVIVE: gettext_lazy("Added again"),
    Action.RETIRE: gettext_lazy("Removed"),
    Action.CONFIRM: gettext_lazy("Confirmed"),
    Action.REFUSE: gettext_lazy("Disowned by whoever got the message"),
    Action.RESEND: gettext_lazy("Another confirmation asked for"),
    Action.TEST: gettext_lazy("Test message sent"),
    Action.CHANGE_ADDRESS: gettext_lazy("Address changed"),
    Action.REQUEST_ADDRESS_CHANGE: gettext_lazy("Another address asked for"),
    Action.CANCEL_ADDRESS_CHANGE: gettext_lazy("The other address given up"),
    Action.MOVE: gettext_lazy("Moved in the order"),
    Action.SET_INSTITUTIONAL: gettext_lazy("Made the institution's, or no longer"),
    Action.BOUNCE: gettext_lazy("A message came back"),
    Action.RESET_BOUNCE_COUNT: gettext_lazy("Bounces forgotten"),
    Action.IMPORT: gettext_lazy("Imported"),
    Action.SET_PREFERENCES: gettext_lazy("Notifications chosen"),
    Action.SET_PREFERENCE_DEFAULTS: gettext_lazy("Usual notifications set"),
    Action.SEND_NOTIFICATION: gettext_lazy("Notification sent"),
    Action.CANCEL_NOTIFICATION: gettext_lazy("Notification cancelled"),
    Action.SET_MESSAGE_FRAME: gettext_lazy("Frame of messages changed"),
    Action.SET_COURSE_PREFERENCES: gettext_lazy("Chosen for a course"),
    Action.SET_QUIET_HOURS: gettext_lazy("Quiet hours chosen"),
    Action.SET_ACCOUNT_SETTINGS: gettext_lazy("Account's settings changed"),
    Action.REGISTER_DEVICE: gettext_lazy("Device added"),
    Action.REMOVE_DEVICE: gettext_lazy("Device removed"),
    Action.DEVICE_MOVED_AWAY: gettext_lazy("Device went to somebody else"),
    Action.DEVICE_MOVED_HERE: gettext_lazy("Device came from somebody else"),
    Action.ACT_AS: gettext_lazy("Began to act as them"),
    Action.STOP_ACTING_AS: gettext_lazy("Stopped acting as them"),
    Action.ERASE: gettext_lazy("Erased"),
    Action.CREATE_USER: gettext_lazy("Person added"),
    Action.CHANGE_USER: gettext_lazy("Person changed"),
    Action.PASSWORD_RESET: gettext_lazy("Password reset"),
    Action.PASSWORD_CHANGE: gettext_lazy("Password changed"),
}


@dataclass(frozen=True, slots=True)
class TrailRow:
    """An entry in words."""

    entry: AuditEntry

    @property
    def what(self) -> Promise | str:
        return WORDS.get(self.entry.action, self.entry.action)

    @property
    def who(self) -> str:
        """As the API names them; an actor may be erased."""
        if self.entry.actor is None:
            return gettext("The service, or a link that was sent")
        return self.entry.actor.name

    @property
    def as_them(self) -> bool:
        return self.entry.acting_as_id == self.entry.user_id

    @property
    def channel(self) -> CommunicationChannel | None:
        """One that is live: what was removed is not listed either."""
        channel = self.entry.channel
        if channel is None or channel.workflow_state == CommunicationChannel.WorkflowState.RETIRED:
            return None
        return channel

    @property
    def name(self) -> str:
        return name_of(self.channel) if self.channel else ""

    @property
    def device(self) -> str:
        """The id of the device that it is about; empty: none."""
        return str(self.entry.details.get("device_id", ""))

    @property
    def details(self) -> list[tuple[str, str]]:
        """What else the API says of it, in its words."""
        told: list[tuple[str, str]] = []
        for name, value in self.entry.details.items():
            if isinstance(value, dict):
                told += [(inner, _shown(each)) for inner, each in value.items()]
            elif name != "device_id":
                told.append((name, _shown(value)))
        return told


class TrailFilter(ListFilter):
    action = forms.ChoiceField(label=gettext_lazy("What"), required=False)
    field_order = ("action", "since", "until")

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request)
        words = sorted(((str(action), str(said)) for action, said in WORDS.items()), key=lambda each: each[1])
        self.fields["action"].choices = [("", gettext("Everything")), *words]  # type: ignore[attr-defined]

    def narrow(self, entries: "QuerySet[AuditEntry]") -> "QuerySet[AuditEntry]":
        if not self.is_valid():
            return entries.none()
        action = self.cleaned_data["action"]
        chosen = entries.filter(**self.within("created_at"))
        return chosen.filter(action=action) if action else chosen


def entries_of(subject: Subject) -> "QuerySet[AuditEntry]":
    """With all that a :class:`TrailRow` asks for."""
    return audit.of_user(subject.user.pk).select_related("actor", "developer_key", "channel")


class Trail(Visit):
    page_of_user = "audit"

    def get(self, request: HttpRequest, **_: Any) -> HttpResponse:
        subject = self.administered()
        with in_zone_of(subject.user):
            chosen = TrailFilter(request)
            shown = Paginator(chosen.narrow(entries_of(subject)), PER_PAGE).get_page(request.GET.get("page"))
            context = {
                **self.person_context(subject),
                "filter": chosen,
                "query": chosen.query,
                "pages": shown,
                "trail": [TrailRow(entry) for entry in shown],
            }
            return page(request, "audit.html", context, status=chosen.status, scripts=True)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
