"""Serializer, viewset and URLs."""

from typing import Any, ClassVar

from django.db.models import Max
from django.urls import path
from rest_framework import serializers, viewsets

from tests.tools.benchmarks.straightforward.models import Channel


class ChannelSerializer(serializers.ModelSerializer[Channel]):
    class Meta:
        model = Channel
        fields: ClassVar = [
            "id",
            "address",
            "type",
            "position",
            "user_id",
            "workflow_state",
            "bounce_count",
            "last_bounce_at",
            "created_at",
            "institutional",
            "pending_address",
        ]
        read_only_fields: ClassVar = fields[3:]

    def validate_address(self, address: str) -> str:
        user = self.context["request"].user
        if Channel.objects.filter(user=user, address_folded=address.casefold()).exists():
            raise serializers.ValidationError("unique!")
        return address


class ChannelViewSet(viewsets.ModelViewSet[Channel]):
    serializer_class = ChannelSerializer

    def get_queryset(self) -> Any:
        return Channel.objects.filter(user=self.request.user).exclude(workflow_state="retired")

    def perform_create(self, serializer: Any) -> None:
        user = self.request.user
        highest = Channel.objects.filter(user=user).aggregate(highest=Max("position"))["highest"] or 0
        folded = serializer.validated_data["address"].casefold()
        serializer.save(user=user, position=highest + 1, address_folded=folded)


urlpatterns = [
    path(
        "api/v1/users/self/communication_channels",
        ChannelViewSet.as_view({"get": "list", "post": "create"}),
    )
]
