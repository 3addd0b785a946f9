"""What a list in Django's admin may be filtered by, and which rows may be chosen in it."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import DataError, ProgrammingError, transaction
from django.db.models import QuerySet
from django.db.models.constants import LOOKUP_SEP
from django.http import HttpRequest, HttpResponse


class CheckedList(ChangeList):
    """Takes a filter that fails when rows are read, as ``?name__regex=(``, for one that Django refuses."""

    def get_results(self, request: HttpRequest) -> None:
        try:
            with transaction.atomic():
                super().get_results(request)
        except (DataError, ProgrammingError, OverflowError, TypeError, ValueError) as error:
            raise IncorrectLookupParameters(error) from error


class ShownColumns(admin.ModelAdmin):  # type: ignore[type-arg]
    """Filters a list by what it shows, and by nothing else; the rest is a 400. Bad values choose no rows.

    Django allows every column of the model: ``?token__startswith=a`` would read a hidden one bit by bit.
    """

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return CheckedList

    def response_action(
        self, request: HttpRequest, queryset: "QuerySet[Any]", *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        """What cannot be a row's key is not selected."""
        data = request.POST.copy()
        chosen = [text for text in request.POST.getlist(ACTION_CHECKBOX_NAME) if self._is_key(text)]
        data.setlist(ACTION_CHECKBOX_NAME, chosen)
        request.POST = data  # type: ignore[assignment]
        return super().response_action(request, queryset, *args, **kwargs)

    def _is_key(self, text: Any) -> bool:
        try:
            self.opts.pk.to_python(text)
        except ValidationError:
            return False
        return "\x00" not in text

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        column = self._column(lookup.split(LOOKUP_SEP)[0])
        return column in set(self._shown(request)) and super().lookup_allowed(lookup, value, request)

    def _shown(self, request: HttpRequest) -> Iterator[str]:
        yield "pk"
        yield self.opts.pk.name
        if self.date_hierarchy:
            yield self._column(self.date_hierarchy)
        shown: list[Any] = [*self.get_list_display(request), *self.get_list_filter(request)]
        for item in shown:
            name = item[0] if isinstance(item, tuple) else getattr(item, "parameter_name", item)
            if isinstance(name, str):
                yield self._column(name.split(LOOKUP_SEP)[0])

    def _column(self, name: str) -> str:
        """``user_id`` and ``user`` are one."""
        try:
            return self.opts.get_field(name).name
        except FieldDoesNotExist:
            return name
