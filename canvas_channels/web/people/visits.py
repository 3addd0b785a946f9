"""Who looks at a page, and whom it is about: as the API's viewsets have it, for people's sessions."""

from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views import View

from canvas_channels.core.identity.callers import ActingRefused, Caller, Subject, UserNotFound, find_subject
from canvas_channels.core.identity.models import User
from canvas_channels.web.pages import SignedIn, is_fragment
from canvas_channels.web.people.acting import caller_of, stop
from notifications.record import access
from notifications.scheduling.zones import zone_of

ITSELF = "self"


def in_zone_of(user: User) -> AbstractContextManager[None]:
    """Times within are the user's."""
    return timezone.override(zone_of(user.time_zone, user.home_account.default_time_zone))


class Visit(SignedIn, View):
    """Sets ``caller``. A page about a user is at one path for oneself, at another with their id.

    While acting only the second is used: a form that was open before would else be done to another user.
    """

    caller: Caller
    own_page = "channels"
    page_of_user = "user_channels"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            try:
                self.caller = caller_of(request)
            except ActingRefused:
                stop(request)
                messages.error(request, gettext("You may not act as that user any more."))
                return self.go("home")
            if self.caller.acting and self.kwargs.get("user_id") == ITSELF:
                if request.method not in {"GET", "HEAD"}:
                    said = gettext("Nothing was changed, because you act as somebody else now.")
                    messages.error(request, said)
                return self.go(self.page_of_user, user_id=self.caller.user.pk)
        return super().dispatch(request, *args, **kwargs)

    def subject(self, *, lock: bool = False) -> Subject:
        """Whom the page is about: 404 where there is no such user, 403 without a right over them."""
        try:
            subject = find_subject(self.caller, self.kwargs["user_id"], lock=lock)
        except UserNotFound:
            raise Http404 from None
        if not subject.visible:
            raise PermissionDenied
        return subject

    def administered(self) -> Subject:
        """The same where it is for their admins alone: 403 for the user themselves."""
        subject = self.subject()
        if not subject.administered():
            raise PermissionDenied
        return subject

    def person_context(self, subject: Subject) -> dict[str, Any]:
        """What the templates of a page about a user ask for; ``own``: it says "you" to its reader."""
        return {
            "subject": subject,
            "person": subject.user,
            "own": subject.in_person,
            "reads_messages": partial(access.may_read, self.caller),
        }

    def back(self) -> str:
        user_id = self.kwargs.get("user_id")
        if user_id in {None, ITSELF}:
            return reverse(self.own_page)
        return reverse(self.page_of_user, kwargs={"user_id": user_id})

    def go(self, name: str, **named: Any) -> HttpResponse:
        """To another page, as a whole."""
        answer: HttpResponse = redirect(name, **named)
        if is_fragment(self.request):
            answer = HttpResponse(status=204, headers={"HX-Redirect": answer["Location"]})
        return answer
