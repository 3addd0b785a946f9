"""Acting as a user on the pages: an admin sees and does what the user could, until they stop or sign out.

The rules are those of the API's ``as_user_id``, asked again at every request; the session keeps only whom.
The audit trail has who really acted, at the start, at the end, and for everything between.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any, cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.views import View

from canvas_channels.core.identity.accounts import administers_any
from canvas_channels.core.identity.callers import ActingRefused, Caller, act_as
from canvas_channels.core.identity.models import User
from canvas_channels.web.pages import SignedIn
from channels_api import audit
from channels_api.audit import Action

ACTING_AS = "acting_as"


def caller_of(request: HttpRequest) -> Caller:
    """Who asks for a page. Raises :class:`ActingRefused` where they may not act as that user any more."""
    user = cast(User, request.user)
    caller = Caller(user, user)
    target = request.session.get(ACTING_AS)
    return caller if target is None else act_as(caller, str(target))


def context(request: HttpRequest) -> dict[str, Any]:
    """For every template: whom the person acts as, and whether they are an admin; looked up when shown."""
    shown = cache(partial(_caller_shown, request))
    return {"acting_as": partial(_acting_as, shown), "is_admin": cache(partial(_is_admin, shown))}


def _caller_shown(request: HttpRequest) -> Caller | None:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return None
    try:
        return caller_of(request)
    except ActingRefused:
        return None


def _acting_as(shown: Callable[[], Caller | None]) -> User | None:
    caller = shown()
    return caller.user if caller and caller.acting else None


def _is_admin(shown: Callable[[], Caller | None]) -> bool:
    caller = shown()
    return caller is not None and administers_any(caller.user)


class Act(SignedIn, View):
    """Begin to act as a user."""

    http_method_names = ("post",)

    def post(self, request: HttpRequest, user_id: int) -> HttpResponse:
        user = cast(User, request.user)
        itself = Caller(user, user)
        try:
            caller = act_as(itself, str(user_id))
        except ActingRefused:
            raise PermissionDenied from None
        if caller.acting:
            stop(request)
            request.session[ACTING_AS] = caller.user.pk
            audit.record(itself, Action.ACT_AS, user_id=caller.user.pk)
        return redirect("channels")


class Stop(SignedIn, View):
    """Be oneself again."""

    http_method_names = ("post",)

    def post(self, request: HttpRequest) -> HttpResponse:
        target = stop(request)
        if target is None:
            return redirect("home")
        messages.success(request, gettext("You are yourself again."))
        return redirect("user_channels", user_id=target)


def stop(request: HttpRequest) -> int | None:
    """End it, if there is something to end; whom the person acted as."""
    target: int | None = request.session.pop(ACTING_AS, None)
    if target is not None:
        user = cast(User, request.user)
        audit.record(Caller(user, user), Action.STOP_ACTING_AS, user_id=target)
    return target
