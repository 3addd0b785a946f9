"""Forms that narrow a list on a page down. Whose rows there are is not theirs to say."""

from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy

from channels_api.models import CommunicationChannel

Type = CommunicationChannel.Type

_TYPES = {
    Type.EMAIL: gettext_lazy("Email"),
    Type.SMS: gettext_lazy("Text message"),
    Type.PUSH: gettext_lazy("Push notification"),
}
_DAYS = (MinValueValidator(date(1970, 1, 1)), MaxValueValidator(date(9998, 12, 31)))


def _day(label: Any) -> forms.DateField:
    widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    return forms.DateField(
        label=label,
        required=False,
        widget=widget,
        input_formats=["%Y-%m-%d"],
        validators=_DAYS,
    )


def type_field(*types: Type) -> forms.ChoiceField:
    """One of these types of channels, or all of them."""
    choices = [("", gettext_lazy("All types")), *((type_, _TYPES[type_]) for type_ in types)]
    return forms.ChoiceField(label=gettext_lazy("Type"), required=False, choices=choices)


class ListFilter(forms.Form):
    """By days, in the time zone that is active; a page has more fields of its own.

    Each field may be left empty, and the form is in the query of the page.
    """

    since = _day(gettext_lazy("From"))
    until = _day(gettext_lazy("To"))
    template_name = "web/_filter.html"

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request.GET)

    @property
    def filtered(self) -> bool:
        """Whether anything is left out, or was asked for and is none."""
        return not self.is_valid() or any(self.cleaned_data.values())

    @property
    def status(self) -> int:
        """Of the page: a value that is none of the field's is refused, and nothing is listed."""
        return 200 if self.is_valid() else 400

    @property
    def query(self) -> str:
        """For links to other pages of the list."""
        asked = urlencode([(name, self.data[name]) for name in self.fields if self.data.get(name)])
        return f"{asked}&" if asked else ""

    def period(self) -> tuple[datetime | None, datetime | None]:
        """From which moment, which is within it, until which, which is not; None: no limit."""
        since, until = self.cleaned_data["since"], self.cleaned_data["until"]
        return since and _beginning(since), until and _beginning(until + timedelta(days=1))

    def within(self, field: str) -> dict[str, datetime]:
        """The period as conditions on a column."""
        since, until = self.period()
        wanted = {f"{field}__gte": since, f"{field}__lt": until}
        return {lookup: moment for lookup, moment in wanted.items() if moment}


def _beginning(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
