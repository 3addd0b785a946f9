"""What a user fills in about themselves. What may be chosen is the rules' to say: the fields only show it."""

from collections.abc import Collection
from typing import Any

from django import forms
from django.conf import settings
from django.http import QueryDict
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext, gettext_lazy

from canvas_channels.core.identity.models import User
from canvas_channels.core.identity.validators import time_zones
from channels_api.users import rules
from notifications.settings import quiet_hours


def days_in_words(days: Collection[str]) -> str:
    """Names of weekdays, or that it is every day."""
    names = dict(zip(quiet_hours.DAYS, WEEKDAYS.values(), strict=True))
    return ", ".join(str(names[day]) for day in days) if days else gettext("every day")


class LanguageSelect(forms.Select):
    """Each language is named in itself, for those who speak it and for programs that read aloud."""

    def create_option(self, name: str, value: Any, *rest: Any, **named: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *rest, **named)
        if value:
            option["attrs"]["lang"] = value
        return option


class LocalForm(forms.Form):
    """Empty ends a choice."""

    time_zone = forms.CharField(
        label=gettext_lazy("Time zone"), required=False, strip=False, widget=forms.Select
    )
    locale = forms.CharField(
        label=gettext_lazy("Language"),
        required=False,
        strip=False,
        widget=LanguageSelect,
        help_text=gettext_lazy(
            "Of these pages and of messages. Without a choice, messages are in the institution's."
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


class QuietHoursForm(forms.Form):
    """Empty times end them."""

    def __init__(self, user: User, data: QueryDict | None = None) -> None:
        super().__init__(data, initial=quiet_hours.of_user(user))
        for name, label in (("from", gettext("From")), ("to", gettext("To"))):
            clock = forms.TimeInput(attrs={"type": "time"})
            self.fields[name] = forms.CharField(label=label, required=False, strip=False, widget=clock)
        self.fields["days"] = forms.MultipleChoiceField(
            label=gettext("Beginning on"),
            required=False,
            widget=forms.CheckboxSelectMultiple,
            choices=list(zip(quiet_hours.DAYS, WEEKDAYS.values(), strict=True)),
        )
