# ruff: noqa: A002 - path parameters are named as in the API: their names make the scope strings
"""The endpoints of the Communication Channels API: each parses, calls one rule, and answers."""

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

from django.db import transaction
from django.http import HttpRequest
from rest_framework.response import Response

from canvas_channels.core.rest.errors import (
    InvalidParameter,
    NotAuthorized,
    ResourceNotFound,
)
from canvas_channels.core.rest.pagination import paginate
from canvas_channels.core.rest.params import boolean, nested, text
from canvas_channels.core.rest.requests import CanvasRequest
from channels_api import statements
from channels_api.channels import ahead, bounce_resets, changes, confirm, registry
from channels_api.channels.filters import CommunicationChannelFilter
from channels_api.channels.representation import columns, fields_for, listed_rows, with_token
from channels_api.devices import registration
from channels_api.errors import Reason
from channels_api.messages import confirmations
from channels_api.models import LIVE, CommunicationChannel
from channels_api.viewsets import ChannelErrorsMixin

Type = CommunicationChannel.Type


def _given(value: object) -> str | None:
    """None: absent, or null in JSON. What is no scalar is empty, which no attribute may be."""
    return None if value is None else text(value) or ""


def _flag(value: object) -> bool | None:
    """None: absent, or null in JSON."""
    return None if value is None else boolean(value)


class CommunicationChannelViewSet(ChannelErrorsMixin):
    """List, create, change and delete a user's channels; unregister a device; resend and confirm."""

    queryset = CommunicationChannel.objects.filter(LIVE)

    objects: ClassVar = dict.fromkeys(
        ("type", "address", "token", "position", "institutional"), "communication_channel"
    )

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> CanvasRequest:
        canvas_request = super().initialize_request(request, *args, **kwargs)
        if self.action_map.get(str(request.method).lower()) == "list":
            canvas_request.token_statement = with_token(kwargs["user_id"])
        return canvas_request

    def list(self, request: CanvasRequest, user_id: str) -> Response:
        subject = self.find_user(user_id)
        fields = fields_for(bounce_details=self.caller.user.is_site_admin)
        if request.params.keys() & CommunicationChannelFilter.base_filters.keys():
            chosen = self.clean_filters(CommunicationChannelFilter, self.get_queryset())
            rows: Sequence[Any] = list(
                chosen.filter(user=subject.user.pk).order_by("position", "id").values_list(*columns(fields))
            )
        else:
            rows = listed_rows(subject, fields)
        page, link = paginate(request, rows)
        return Response([dict(zip(fields, row, strict=True)) for row in page], headers={"Link": link})

    @transaction.atomic
    def create(self, request: CanvasRequest, user_id: str) -> Response:
        channel = nested(request.params, "communication_channel")
        type_, address = text(channel.get("type")), text(channel.get("address"))
        if type_ == Type.PUSH:
            token = text(channel.get("token"))
            subject = self.find_editable(user_id, partial(ahead.of_registering, token=token))
            return self.represent(registry.register_device(subject, token))
        subject = self.find_editable(user_id, partial(ahead.of_create, type_=type_, address=address))
        return self.represent(
            registry.create(
                subject,
                type_=type_,
                address=address,
                skip_confirmation=boolean(request.params.get("skip_confirmation")),
                institutional=_flag(channel.get("institutional")),
            )
        )

    @transaction.atomic
    def update(self, request: CanvasRequest, user_id: str, id: int) -> Response:
        given = nested(request.params, "communication_channel")
        wanted = changes.Changes(
            type_=_given(given.get("type")),
            address=_given(given.get("address")),
            position=_given(given.get("position")),
            institutional=_flag(given.get("institutional")),
            skip_confirmation=boolean(request.params.get("skip_confirmation")),
        )
        subject = self.find_editable(user_id, partial(ahead.of_change, channel_id=id, wanted=wanted))
        channel = registry.find(subject.user, channel_id=id)
        changes.change(subject, channel, wanted)
        return self.represent(channel)

    def destroy(self, request: CanvasRequest, user_id: str, id: int) -> Response:
        return self._retire(user_id, channel_id=id)

    def destroy_by_address(self, request: CanvasRequest, user_id: str, type: str, address: str) -> Response:
        return self._retire(user_id, type_=type, address=address)

    @transaction.atomic
    def _retire(self, user_id: str, **named: Any) -> Response:
        subject = self.find_editable(user_id, lambda _, known: [statements.live_channel(known, **named)])
        channel = registry.find(subject.user, **named)
        registry.retire(subject, channel)
        return self.represent(channel)

    @transaction.atomic
    def delete_push_token(self, request: CanvasRequest) -> Response:
        """Unregister a device of one's own; known or not, the answer is the same."""
        if self.caller.acting:
            raise NotAuthorized
        user = self.caller.user
        if not CommunicationChannel.objects.filter(LIVE, user=user, type=Type.PUSH).exists():
            raise ResourceNotFound
        token = text(request.params.get("push_token"))
        if not token:
            raise InvalidParameter("push_token", Reason.BLANK, "can't be blank")
        registration.remove_token(self.caller, token)
        return Response({"success": True})

    @transaction.atomic
    def reset_bounce_count(self, request: CanvasRequest, user_id: str, id: int) -> Response:
        subject = self.find_user(user_id)
        self.require_site_admin()
        channel = registry.find(subject.user, channel_id=id)
        bounce_resets.reset_bounce_counts(self.caller, CommunicationChannel.objects.filter(pk=channel.pk))
        channel.bounce_count = 0
        return self.represent(channel)

    @transaction.atomic
    def resend(self, request: CanvasRequest, user_id: str, id: int) -> Response:
        subject = self.find_user(user_id, lock=True)
        channel = registry.find(subject.user, channel_id=id)
        return Response({"re_sent": confirmations.resend(channel, self.caller)})

    def limit_reached(self, request: CanvasRequest, user_id: str, id: int) -> Response:
        subject = self.find_user(user_id)
        channel = registry.find(subject.user, channel_id=id)
        return Response({"confirmation_limit_reached": confirmations.limit_reached(channel)})

    def confirm(self, request: CanvasRequest, id: int) -> Response:
        """Enter the code that an SMS brought; the owner's own, never an admin's."""
        if self.caller.acting:
            raise NotAuthorized
        channel = registry.find(self.caller.user, channel_id=id)
        code = text(request.params.get("confirmation_code")) or ""
        return self.represent(confirm.confirm_sms(channel, code, self.caller))
