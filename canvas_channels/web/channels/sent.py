"""``/profile/messages``: what a user was sent, and what became of it; an admin's view of it too.

Admins read what ``comm_messages`` shows them, also while they act as the user.
"""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from canvas_channels.web.pages import page
from canvas_channels.web.people.visits import Visit
from channels_api.errors import NotPermitted
from notifications.messages.models import Message
from notifications.record import access
from notifications.record.representation import is_kept
from notifications.scheduling.zones import zone_of

PER_PAGE = 20

State, WaitsFor = Message.WorkflowState, Message.WaitsFor

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


class Row:
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
            return "warn"
        return "good" if self.message.workflow_state in GOOD else ""

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


class Sent(Visit):
    own_page = "messages"
    page_of_user = "user_messages"

    def get(self, request: HttpRequest, **_: Any) -> HttpResponse:
        subject = self.subject()
        try:
            found = access.own(self.caller) if subject.is_self else access.of_user(self.caller, subject)
        except NotPermitted:
            raise PermissionDenied from None
        user = subject.user
        shown = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
        with timezone.override(zone_of(user.time_zone, user.home_account.default_time_zone)):
            context = {
                "subject": subject,
                "person": user,
                "pages": shown,
                "rows": [Row(message) for message in shown],
                "days": (access.OWN_FOR if subject.is_self else access.ADMINS_FOR).days,
            }
            return page(request, "sent.html", context)
