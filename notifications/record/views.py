# ruff: noqa: A002 - path parameters are named as in the API: their names make the scope strings
"""What was sent: Canvas's ``comm_messages``, one's own messages, and a message to try a channel."""

from typing import Any

import django_filters
from django.db import transaction
from rest_framework.response import Response

from canvas_channels.core.rest.errors import InvalidParameter, NotAuthorized, ResourceNotFound
from canvas_channels.core.rest.pagination import paginate
from canvas_channels.core.rest.params import text
from canvas_channels.core.rest.requests import CanvasRequest
from channels_api.channels import registry
from channels_api.errors import Reason
from channels_api.viewsets import ChannelErrorsMixin
from notifications.messages.models import Message
from notifications.record import access, self_tests
from notifications.record.representation import comm_message, outcome, own_message


class PeriodFilter(django_filters.FilterSet):
    """Canvas's: both moments are within it."""

    start_time = django_filters.IsoDateTimeFilter("created_at", "gte")
    end_time = django_filters.IsoDateTimeFilter("created_at", "lte")


class CommMessageViewSet(ChannelErrorsMixin):
    queryset = Message.objects.none()

    def list(self, request: CanvasRequest) -> Response:
        user_id = text(request.params.get("user_id"))
        if not user_id:
            raise InvalidParameter("user_id", Reason.BLANK, "can't be blank")
        messages = access.of_user(self.caller, self.find_user(user_id))
        page, link = paginate(request, self.clean_filters(PeriodFilter, messages))
        return Response([comm_message(message) for message in page], headers={"Link": link})


class MessageViewSet(ChannelErrorsMixin):
    """The user's own messages; of others, admins learn here what became of one, not what it said."""

    queryset = Message.objects.none()

    def list(self, request: CanvasRequest, user_id: str) -> Response:
        if not self.find_user(user_id).is_self:
            raise NotAuthorized
        page, link = paginate(request, self.clean_filters(PeriodFilter, access.own(self.caller)))
        return Response([own_message(message) for message in page], headers={"Link": link})

    def retrieve(self, request: CanvasRequest, user_id: str, id: int) -> Response:
        subject = self.find_user(user_id)
        own: Any = access.own(self.caller) if subject.is_self else Message.objects.filter(user=subject.user)
        message = own.filter(pk=id).first()
        if message is None:
            raise ResourceNotFound
        return Response(own_message(message) if subject.is_self else outcome(message))

    @transaction.atomic
    def test(self, request: CanvasRequest, user_id: str, id: int) -> Response:
        subject = self.find_user(user_id, lock=True)
        channel = registry.find(subject.user, channel_id=id)
        return Response({"message_id": self_tests.request(channel, self.caller).pk})
