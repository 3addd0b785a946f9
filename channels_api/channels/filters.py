"""The filters of the list and of the reports (django-filter)."""

import re
from typing import Any, ClassVar

import django_filters
from django.db.models import F, Lookup, Q, QuerySet
from django.db.models.sql.compiler import SQLCompiler

from canvas_channels.core.rest.params import boolean
from canvas_channels.core.trimming import trim
from channels_api.addresses import MAX_NORMALISED, fold
from channels_api.models import CommunicationChannel

State = CommunicationChannel.WorkflowState
Channels = QuerySet[CommunicationChannel, Any]

MAX_PATTERN = MAX_NORMALISED  # characters: a longer one would not be folded


class Like(Lookup):
    """SQL's LIKE. Django's own lookups escape their text, so that a text with gaps needs several."""

    lookup_name = "like"

    def as_sql(self, compiler: SQLCompiler, connection: Any) -> tuple[str, tuple[Any, ...]]:
        left, left_params = self.process_lhs(compiler, connection)
        right, right_params = self.process_rhs(compiler, connection)
        return f"{left} LIKE {right}", (*left_params, *right_params)


PLAUSIBLE = ~Q(type=CommunicationChannel.Type.EMAIL) | Q(Like(F("address_folded"), "%_@%_._%"))


def like_pattern(pattern: str) -> str:
    """LIKE's form of a pattern in which ``*`` is any text and everything else is itself, in any case."""
    parts = re.split(r"\*+", pattern)
    return "%".join(re.sub(r"([\\%_])", r"\\\1", fold(part)) for part in parts)


class CommunicationChannelFilter(django_filters.FilterSet):
    """``type``, ``workflow_state``, and ``search`` in any part of the address, in any case."""

    type = django_filters.ChoiceFilter(choices=CommunicationChannel.Type.choices)
    workflow_state = django_filters.ChoiceFilter(
        choices=[(state, state) for state in (State.UNCONFIRMED, State.ACTIVE)]
    )
    search = django_filters.CharFilter(method="search_address", max_length=MAX_PATTERN)

    class Meta:
        model = CommunicationChannel
        fields: ClassVar = ["type", "workflow_state", "search"]

    def search_address(self, channels: Channels, name: str, value: str) -> Channels:
        text = fold(trim(value))
        return channels.filter(Q(address_folded__contains=text) | Q(shown_folded__contains=text))


class ReportFilter(django_filters.FilterSet):
    """What the reports share. Emails that are plainly none are left out, unless ``with_invalid_paths``.

    ``before`` and ``after`` are ISO 8601, in UTC unless they say otherwise, and exclude the moment itself.
    """

    moment: ClassVar[str]  # the column that before, after and order are about
    pattern = django_filters.CharFilter(method="match_pattern", max_length=MAX_PATTERN)
    path_type = django_filters.ChoiceFilter("type", choices=CommunicationChannel.Type.choices)
    order = django_filters.ChoiceFilter(choices=[("asc", "asc"), ("desc", "desc")], method="leave_for_last")
    with_invalid_paths = django_filters.CharFilter(method="leave_for_last")

    def match_pattern(self, channels: Channels, name: str, value: str) -> Channels:
        pattern = like_pattern(value)
        return channels.filter(Q(Like(F("address_folded"), pattern)) | Q(Like(F("shown_folded"), pattern)))

    def leave_for_last(self, channels: Channels, name: str, value: str) -> Channels:
        return channels

    def filter_queryset(self, queryset: Channels) -> Channels:
        channels: Channels = super().filter_queryset(queryset)
        if not boolean(self.form.cleaned_data["with_invalid_paths"]):
            channels = channels.filter(PLAUSIBLE)
        if self.form.cleaned_data["order"] == "desc":
            return channels.order_by(f"-{self.moment}", "-id")
        return channels.order_by(self.moment, "id")


class BouncingFilter(ReportFilter):
    moment = "last_bounce_at"
    before = django_filters.IsoDateTimeFilter("last_bounce_at", "lt")
    after = django_filters.IsoDateTimeFilter("last_bounce_at", "gt")


class UnconfirmedFilter(ReportFilter):
    moment = "created_at"
    before = django_filters.IsoDateTimeFilter("created_at", "lt")
    after = django_filters.IsoDateTimeFilter("created_at", "gt")
