"""Who looks at a page, and whom it is about: as the API's viewsets have it, for people's sessions."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext
from django.views import View

from canvas_channels.core.identity.callers import ActingRefused, Caller, Subject, UserNotFound, find_subject
from canvas_channels.web.pages import SignedIn, is_fragment
from canvas_channels.web.people.acting import caller_of, stop

ITSELF = "self"


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
