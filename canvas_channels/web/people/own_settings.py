"""``/profile/settings``: a user's own time zone and language, by the rules of ``PUT users/:user_id``."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils import translation
from django.utils.translation import gettext, gettext_lazy

from canvas_channels.core.identity.callers import Subject
from canvas_channels.core.identity.models import User
from canvas_channels.core.identity.validators import time_zones
from canvas_channels.web.language import language_of
from canvas_channels.web.pages import page
from canvas_channels.web.people.visits import Visit
from canvas_channels.web.words import in_words
from channels_api.errors import InvalidValue
from channels_api.users import rules


class LanguageSelect(forms.Select):
    """Each language is named in itself, for those who speak it and for programs that read aloud."""

    def create_option(self, name: str, value: Any, *rest: Any, **named: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *rest, **named)
        if value:
            option["attrs"]["lang"] = value
        return option


class LocalForm(forms.Form):
    """Empty ends a choice. What may be chosen is the rules' to say: the lists only show it."""

    time_zone = forms.CharField(
        label=gettext_lazy("Time zone"), required=False, strip=False, widget=forms.Select
    )
    locale = forms.CharField(
        label=gettext_lazy("Language"),
        required=False,
        strip=False,
        widget=LanguageSelect,
        help_text=gettext_lazy(
            "Of these pages and of messages to you. Without a choice, messages are in your institution's."
        ),
    )

    def __init__(self, user: User, data: QueryDict | None = None) -> None:
        super().__init__(data, initial={name: getattr(user, name) for name in rules.LOCAL})
        default = gettext("Your institution's default")
        zones = [(name, name) for name in sorted(time_zones())]
        self.fields["time_zone"].widget.choices = [("", default), *zones]
        languages = dict(settings.LANGUAGES)
        if user.locale:  # an app may have chosen a kind of one, as es-MX
            languages.setdefault(user.locale, user.locale)
        self.fields["locale"].widget.choices = [("", gettext("Your browser's")), *languages.items()]

    def wanted(self) -> dict[str, str | None]:
        """What was sent, as ``rules.change`` takes it."""
        return {name: value or None for name, value in self.cleaned_data.items() if name in self.data}


class OwnSettings(Visit):
    own_page = "settings"
    page_of_user = "user_settings"

    def get(self, request: HttpRequest, **_: Any) -> HttpResponse:
        return self.show(LocalForm(self.own().user))

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
            return self.show(form, status=400)
        language = translation.get_language()
        if not self.caller.acting:
            language = language_of(request, subject.user.locale)
        with translation.override(language):  # that of the page that it is said on
            messages.success(request, gettext("Saved."))
        return redirect(self.back())

    def own(self, *, lock: bool = False) -> Subject:
        """Whoever acts as the user may do it too; 403 for an admin who does not."""
        subject = self.subject(lock=lock)
        if not subject.is_self:
            raise PermissionDenied
        return subject

    def show(self, form: LocalForm, status: int = 200) -> HttpResponse:
        return page(self.request, "settings.html", {"form": form}, status)
