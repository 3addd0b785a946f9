"""``/profile/messages``: what a user was sent, and what became of it; an admin's view of it too.

Admins read what ``comm_messages`` shows them, also while they act as the user.
"""

from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from canvas_channels.web.filters import ListFilter, type_field
from canvas_channels.web.pages import page
from canvas_channels.web.people.visits import Visit, in_zone_of
from channels_api.addresses import as_written
from channels_api.errors import NotPermitted
from channels_api.models import CommunicationChannel
from notifications.messages.models import Message
from notifications.record import access
from notifications.record.representation import is_kept

PER_PAGE = 20

State, WaitsFor = Message.WorkflowState, Message.WaitsFor
Type = CommunicationChannel.Type

_STATES: dict[str, Promise] = {
    State.CREATED: gettext_lazy("On its way"),
    State.SENDING: gettext_lazy("On its way"),
    State.SENT: gettext_lazy("Sent"),
    State.BOUNCED: gettext_lazy("Came back"),
    State.CANCELLED: gettext_lazy("Not sent"),
    State.CLOSED: gettext_lazy("Went out in a digest"),
    State.TRANSMISSION_ERROR: gettext_lazy("Could not be sent"),
}
_WAITS: dict[str, Promise] = {
    WaitsFor.DIGEST: gettext_lazy("Waits for the next digest"),
    WaitsFor.QUIET_HOURS: gettext_lazy("Waits for the end of quiet hours"),
    WaitsFor.RETRY: gettext_lazy("Will be tried again"),
}
_WAITING = gettext_lazy("Waits for newer news")
GOOD, BAD = {State.SENT, State.CLOSED}, {State.BOUNCED, State.TRANSMISSION_ERROR}
ENDED = GOOD | BAD | {State.CANCELLED}


class MessageRow:
    """A message as the page, and a channel's test message, show it."""

    def __init__(self, message: Message) -> None:
        self.message = message
        self.said = message.dispatch or message
        self.body = self.said.body if is_kept(message) else ""

    @property
    def state(self) -> Promise:
        """What became of it, in words."""
        return _STATES.get(self.message.workflow_state) or _WAITS.get(self.message.waits_for, _WAITING)

    @property
    def badge(self) -> str:
        if self.message.workflow_state in BAD:
            return "bad"
        if self.message.workflow_state in GOOD:
            return "good"
        return "waits" if self.is_open else ""

    @property
    def address(self) -> str:
        """As people write it; a push has none."""
        match self.message.type:
            case Type.PUSH:
                return ""
            case Type.SMS:
                return as_written(self.message.address)
        return self.message.address

    @property
    def is_open(self) -> bool:
        """Whether something is still to become of it."""
        return self.message.workflow_state not in ENDED

    @property
    def when(self) -> Any:
        return self.message.sent_at or self.message.created_at

    @property
    def devices(self) -> list[dict[str, Any]]:
        """Of a push, by the devices' ids."""
        return [told for _, told in sorted(self.message.devices.items(), key=lambda each: int(each[0]))]


class SentFilter(ListFilter):
    """Over what, and what became of it."""

    type = type_field(*Type)
    state = forms.ChoiceField(
        label=gettext_lazy("State"),
        required=False,
        choices=[
            ("", gettext_lazy("All states")),
            ("good", _STATES[State.SENT]),
            ("open", gettext_lazy("On its way, or waiting")),
            ("bad", gettext_lazy("Came back, or could not be sent")),
            ("cancelled", _STATES[State.CANCELLED]),
        ],
    )
    field_order = ("type", "state", "since", "until")

    def narrow(self, messages: QuerySet[Message]) -> QuerySet[Message]:
        if not self.is_valid():
            return messages.none()
        chosen = self.cleaned_data
        if chosen["type"]:
            messages = messages.filter(type=chosen["type"])
        if chosen["state"] == "open":
            messages = messages.exclude(workflow_state__in=ENDED)
        elif chosen["state"]:
            states = {"good": GOOD, "bad": BAD, "cancelled": {State.CANCELLED}}[chosen["state"]]
            messages = messages.filter(workflow_state__in=states)
        return messages.filter(**self.within("created_at"))


class Sent(Visit):
    own_page = "messages"
    page_of_user = "user_messages"

    def get(self, request: HttpRequest, **_: Any) -> HttpResponse:
        subject = self.subject()
        try:
            found = access.shown(self.caller, subject)
        except NotPermitted:
            raise PermissionDenied from None
        with in_zone_of(subject.user):
            chosen = SentFilter(request)
            shown = Paginator(chosen.narrow(found), PER_PAGE).get_page(request.GET.get("page"))
            context = {
                **self.person_context(subject),
                "filter": chosen,
                "query": chosen.query,
                "pages": shown,
                "rows": [MessageRow(message) for message in shown],
                "days": (access.OWN_FOR if subject.is_self else access.ADMINS_FOR).days,
            }
            return page(request, "sent.html", context, status=chosen.status, scripts=True)
