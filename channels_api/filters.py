"""The filters of the list (django-filter)."""

from typing import Any, ClassVar

import django_filters
from django.db.models import QuerySet

from channels_api.addresses import fold
from channels_api.models import CommunicationChannel

State = CommunicationChannel.WorkflowState


class CommunicationChannelFilter(django_filters.FilterSet):
    """``type``, ``workflow_state``, and ``search`` in any part of the address, in any case."""

    type = django_filters.ChoiceFilter(choices=CommunicationChannel.Type.choices)
    workflow_state = django_filters.ChoiceFilter(
        choices=[(state, state) for state in (State.UNCONFIRMED, State.ACTIVE)]
    )
    search = django_filters.CharFilter(method="search_address")

    class Meta:
        model = CommunicationChannel
        fields: ClassVar = ["type", "workflow_state", "search"]

    def search_address(
        self, channels: "QuerySet[CommunicationChannel, Any]", name: str, value: str
    ) -> "QuerySet[CommunicationChannel, Any]":
        return channels.filter(address_folded__contains=fold(value))
