"""``/profile/settings``: a user's own time zone, language, quiet hours and muted courses."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext

from canvas_channels.core.identity.callers import Subject
from canvas_channels.core.rest.params import boolean
from canvas_channels.web.language import language_of
from canvas_channels.web.pages import page
from canvas_channels.web.people.forms import LocalForm, QuietHoursForm
from canvas_channels.web.people.visits import Visit
from canvas_channels.web.words import in_words
from channels_api.errors import InvalidValue
from channels_api.users import rules
from notifications.scheduling.zones import zone_of
from notifications.settings import courses, quiet_hours

COURSES = 50  # on a page
ENDED = "ended_quiet_hours"


class OwnSettings(Visit):
    own_page = "settings"
    page_of_user = "user_settings"

    def get(self, request: HttpRequest, **_: Any) -> HttpResponse:
        return self.show(self.own())

    def post(self, request: HttpRequest, **_: Any) -> HttpResponse:
        try:
            with transaction.atomic():
                subject = self.own(lock=True)
                form = LocalForm(subject.user, request.POST)
                if form.is_valid():
                    rules.change(subject, form.wanted())
        except InvalidValue as error:
            form.add_error(error.attribute, in_words(error))
        if form.errors:
            return self.show(subject, local=form)
        language = translation.get_language()
        if not self.caller.acting:
            language = language_of(request, subject.user.locale)
        with translation.override(language):  # that of the page that it is said on
            return self.saved()

    def own(self, *, lock: bool = False) -> Subject:
        """The user's, also for an admin who acts as them; 403 for one who does not."""
        subject = self.subject(lock=lock)
        if not subject.is_self:
            raise PermissionDenied
        return subject

    def show(
        self, subject: Subject, *, local: LocalForm | None = None, hours: QuietHoursForm | None = None
    ) -> HttpResponse:
        """The page; a form that is given was refused."""
        user = subject.user
        known = Paginator(courses.of_user(self.caller), COURSES)
        context = {
            **self.person_context(subject),
            "local": local or LocalForm(user),
            "hours": hours or QuietHoursForm(user),
            "zone": zone_of(user.time_zone, user.home_account.default_time_zone).key,
            "courses": known.get_page(self.request.GET.get("page")),
            "base": self.back(),
            "undo": "/quiet-hours/restore" if ENDED in self.request.session else None,
        }
        return page(
            self.request, "settings.html", context, status=400 if local or hours else 200, scripts=True
        )

    def saved(self, section: str = "", *, offers: str = "") -> HttpResponse:
        """The page again, from a section on; ``offers``: what may be done about it, beside the word."""
        messages.success(self.request, gettext("Saved."), extra_tags=offers)
        return redirect(self.back() + section)


class OwnLanguage(OwnSettings):
    """The language alone, chosen in the menu of any page; then that page again."""

    http_method_names = ("post",)

    def saved(self, section: str = "", *, offers: str = "") -> HttpResponse:
        back = self.request.POST.get("next", "")
        own = url_has_allowed_host_and_scheme(back, {self.request.get_host()}, self.request.is_secure())
        return redirect(back if own else self.back())


class OwnQuietHours(OwnSettings):
    http_method_names = ("post",)

    def post(self, request: HttpRequest, **_: Any) -> HttpResponse:
        data = request.POST.copy()
        if "end" in data:
            data.clear()
        try:
            with transaction.atomic():
                subject = self.own(lock=True)
                before = quiet_hours.of_user(subject.user)
                form = QuietHoursForm(subject.user, data)
                if form.is_valid():
                    given = form.cleaned_data
                    now = quiet_hours.change(subject, given["from"], given["to"], given["days"])
        except InvalidValue as error:
            form.add_error(error.attribute, in_words(error))
        if form.errors:
            return self.show(subject, hours=form)
        if not before["from"] or now["from"]:
            return self.saved("#quiet-hours")
        request.session[ENDED] = {**before, "user": subject.user.pk}
        return self.saved("#quiet-hours", offers="undo")


class RestoreQuietHours(OwnSettings):
    """Set those that this session ended last, unless there are others by now."""

    http_method_names = ("post",)

    def post(self, request: HttpRequest, **_: Any) -> HttpResponse:
        with transaction.atomic():
            subject = self.own(lock=True)
            ended = request.session.pop(ENDED, {})
            if ended.get("user") == subject.user.pk and not quiet_hours.of_user(subject.user)["from"]:
                quiet_hours.change(subject, ended["from"], ended["to"], ended["days"])
                return self.saved("#quiet-hours")
        messages.error(request, gettext("It is not there any more."))
        return redirect(self.back())


class OwnCourse(OwnSettings):
    """Mute a course that the page shows, or end that."""

    http_method_names = ("post",)

    def post(self, request: HttpRequest, **_: Any) -> HttpResponse:
        with transaction.atomic():
            subject = self.own(lock=True)
            for course in courses.of_user(self.caller):
                if str(course.id) == request.POST.get("course_id"):
                    courses.enable(subject, course.id, enabled=boolean(request.POST.get("enabled")))
                    return self.saved("#courses")
        messages.error(request, gettext("It is not there any more."))
        return redirect(self.back())
