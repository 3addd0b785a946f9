# ruff: noqa: A002 - path parameters are named as in the API: their names make the scope strings
"""The endpoints of the Communication Channels API: each parses, calls one rule, and answers."""

from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django_filters import FilterSet
from rest_framework.response import Response

from canvas_channels.identity.callers import Subject
from canvas_channels.identity.views import CanvasViewSet
from canvas_channels.rest.errors import (
    CanvasError,
    InvalidParameter,
    NotAuthorized,
    RateLimitExceeded,
    RefusedParameter,
    ResourceNotFound,
)
from canvas_channels.rest.pagination import paginate
from canvas_channels.rest.params import boolean, nested, text
from canvas_channels.rest.requests import CanvasRequest
from channels_api import bulk, changes, channels, confirmations, devices
from channels_api.errors import InvalidValue, NoSuchChannel, NoSuchDevice, NotPermitted, RefusedValue
from channels_api.filters import CommunicationChannelFilter
from channels_api.models import LIVE, CommunicationChannel
from channels_api.representation import channel_object, columns, fields_for

Type = CommunicationChannel.Type

_ANSWERS: dict[type[Exception], Callable[[Any], CanvasError]] = {
    InvalidValue: lambda error: InvalidParameter(error.attribute, error.kind, error.message),
    RefusedValue: lambda error: RefusedParameter(error.attribute, error.message),
    NotPermitted: lambda error: NotAuthorized(),
    NoSuchChannel: lambda error: ResourceNotFound(),
    NoSuchDevice: lambda error: ResourceNotFound(),
    confirmations.MessageLimitReached: lambda error: RateLimitExceeded(error.retry_after),
    confirmations.CountryNotAllowed: lambda error: InvalidParameter(
        "address", "country_not_allowed", str(error)
    ),
    confirmations.CodeRefused: lambda error: InvalidParameter("confirmation_code", "invalid", "is not valid"),
}


def _given(value: object) -> str | None:
    """None: absent, or null in JSON. What is no scalar is empty, which no attribute may be."""
    return None if value is None else text(value) or ""


def _flag(value: object) -> bool | None:
    """None: absent, or null in JSON."""
    return None if value is None else boolean(value)


class ChannelErrorsMixin(CanvasViewSet):
    """Translates what the registry's rules refuse into the API's errors."""

    def handle_exception(self, exc: Exception) -> Response:
        answer = _ANSWERS.get(type(exc))
        return super().handle_exception(answer(exc) if answer else exc)

    def find_editable(self, user_id: str) -> Subject:
        """The user, their row locked, where the caller may edit their channels; else 404 or 403."""
        subject = self.find_user(user_id, lock=True)
        if not channels.may_edit(subject):
            raise NotAuthorized
        return subject

    def clean_filters(self, filterset: type[FilterSet], rows: QuerySet[Any]) -> Any:
        """The rows that the parameters ask for. A value that a filter cannot take is a 400."""
        params = self.request.params
        given = {name: params[name] for name in filterset.base_filters if params.get(name) is not None}
        values = {name: text(value) for name, value in given.items()}
        for name, value in values.items():
            if value is None:  # ignored, it would widen what a bulk action acts on
                raise InvalidParameter(name, "invalid", "must be text")
        filters = filterset(values, queryset=rows, request=self.request)
        for attribute, errors in filters.form.errors.as_data().items():
            raise InvalidParameter(attribute, errors[0].code or "invalid", " ".join(errors[0].messages))
        return filters.qs

    def represent(self, channel: CommunicationChannel) -> Response:
        return Response(channel_object(channel, bounce_details=self.caller.user.is_site_admin))


class CommunicationChannelViewSet(ChannelErrorsMixin):
    """List, create, change and delete a user's channels; unregister a device; resend and confirm."""

    queryset = CommunicationChannel.objects.filter(LIVE)

    def list(self, request: CanvasRequest, user_id: str) -> Response:
        subject = self.find_user(user_id)
        fields = fields_for(bounce_details=self.caller.user.is_site_admin)
        if request.params.keys() & CommunicationChannelFilter.base_filters.keys():
            chosen = self.clean_filters(CommunicationChannelFilter, self.get_queryset())
            rows = list(
                chosen.filter(user=subject.user.pk).order_by("position", "id").values_list(*columns(fields))
            )
        else:
            rows = channels.live_rows(subject.user.pk, fields)
        page, link = paginate(request, rows)
        return Response([dict(zip(fields, row, strict=True)) for row in page], headers={"Link": link})

    @transaction.atomic
    def create(self, request: CanvasRequest, user_id: str) -> Response:
        subject = self.find_editable(user_id)
        channel = nested(request.params, "communication_channel")
        type_ = text(channel.get("type"))
        if type_ == Type.PUSH:
            return self._register_device(subject, text(channel.get("token")))
        return self.represent(
            channels.create(
                subject,
                type_=type_,
                address=text(channel.get("address")),
                skip_confirmation=boolean(request.params.get("skip_confirmation")),
                institutional=_flag(channel.get("institutional")),
            )
        )

    @transaction.atomic
    def update(self, request: CanvasRequest, user_id: str, id: int) -> Response:
        subject = self.find_editable(user_id)
        channel = channels.find(subject.user, channel_id=id)
        given = nested(request.params, "communication_channel")
        wanted = changes.Changes(
            type_=_given(given.get("type")),
            address=_given(given.get("address")),
            position=_given(given.get("position")),
            institutional=_flag(given.get("institutional")),
            skip_confirmation=boolean(request.params.get("skip_confirmation")),
        )
        changes.change(subject, channel, wanted)
        return self.represent(channel)

    def _register_device(self, subject: Subject, token: str | None) -> Response:
        key = devices.usable_key(subject)
        token = devices.check_token(token, key)
        channel = channels.create_push(subject)
        devices.register(subject, key, token)
        return self.represent(channel)

    def destroy(self, request: CanvasRequest, user_id: str, id: int) -> Response:
        return self._retire(user_id, channel_id=id)

    def destroy_by_address(self, request: CanvasRequest, user_id: str, type: str, address: str) -> Response:
        return self._retire(user_id, type_=type, address=address)

    @transaction.atomic
    def _retire(self, user_id: str, **named: Any) -> Response:
        subject = self.find_editable(user_id)
        channel = channels.find(subject.user, **named)
        channels.retire(subject, channel)
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
            raise InvalidParameter("push_token", "blank", "can't be blank")
        devices.remove_token(self.caller, token)
        return Response({"success": True})

    @transaction.atomic
    def reset_bounce_count(self, request: CanvasRequest, user_id: str, id: int) -> Response:
        subject = self.find_user(user_id)
        self.require_site_admin()
        channel = channels.find(subject.user, channel_id=id)
        bulk.reset_bounce_counts(self.caller, CommunicationChannel.objects.filter(pk=channel.pk))
        channel.bounce_count = 0
        return self.represent(channel)

    @transaction.atomic
    def resend(self, request: CanvasRequest, user_id: str, id: int) -> Response:
        subject = self.find_user(user_id, lock=True)
        channel = channels.find(subject.user, channel_id=id)
        return Response({"re_sent": confirmations.resend(channel, self.caller)})

    def limit_reached(self, request: CanvasRequest, user_id: str, id: int) -> Response:
        subject = self.find_user(user_id)
        channel = channels.find(subject.user, channel_id=id)
        return Response({"confirmation_limit_reached": confirmations.limit_reached(channel)})

    def confirm(self, request: CanvasRequest, id: int) -> Response:
        """Enter the code that an SMS brought; the owner's own, never an admin's."""
        if self.caller.acting:
            raise NotAuthorized
        channel = channels.find(self.caller.user, channel_id=id)
        code = text(request.params.get("confirmation_code")) or ""
        return self.represent(confirmations.confirm_sms(channel, code, self.caller))
