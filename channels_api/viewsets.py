"""What the registry's viewsets share."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django_filters import FilterSet
from rest_framework.response import Response

from canvas_channels.core.identity.callers import Caller, Subject, id_named
from canvas_channels.core.identity.views import CanvasViewSet
from canvas_channels.core.postgresql.trips import Query, trips
from canvas_channels.core.rest.errors import (
    CanvasError,
    InvalidParameter,
    NotAuthorized,
    RateLimitExceeded,
    RefusedParameter,
    ResourceNotFound,
)
from canvas_channels.core.rest.params import text
from channels_api.channels import registry
from channels_api.channels.representation import channel_object
from channels_api.errors import (
    ChannelError,
    CodeRefused,
    MessageLimitReached,
    NotFound,
    NotPermitted,
    Reason,
    RefusedValue,
)
from channels_api.models import CommunicationChannel

_ANSWERS: dict[type[Exception], Callable[[Any], CanvasError]] = {
    ChannelError: lambda error: InvalidParameter(error.attribute, error.reason.type, error.message),
    CodeRefused: lambda error: InvalidParameter(error.attribute, Reason.INVALID, error.message),
    RefusedValue: lambda error: RefusedParameter(error.attribute, error.message),
    MessageLimitReached: lambda error: RateLimitExceeded(error.retry_after),
    NotPermitted: lambda error: NotAuthorized(),
    NotFound: lambda error: ResourceNotFound(),
}


def canvas_error(error: ChannelError) -> CanvasError:
    """What the API answers to what a rule refuses."""
    return next(_ANSWERS[kind] for kind in type(error).__mro__ if kind in _ANSWERS)(error)


class ChannelErrorsMixin(CanvasViewSet):
    """Translates what the registry's rules refuse into the API's errors."""

    def handle_exception(self, exc: Exception) -> Response:
        return super().handle_exception(canvas_error(exc) if isinstance(exc, ChannelError) else exc)

    def find_editable(
        self, user_id: str, ahead: Callable[[Caller, int], list[Query]] = lambda *_: []
    ) -> Subject:
        """The user, their row locked, where the caller may edit their channels; else 404 or 403.

        ``ahead`` says what is asked for then, of a user whose id is known.
        """
        if (known := id_named(self.caller, user_id)) is not None:
            trips().ahead(*ahead(self.caller, known))
        subject = self.find_user(user_id, lock=True)
        if not registry.may_edit(subject):
            raise NotAuthorized
        return subject

    def clean_filters(self, filterset: type[FilterSet], rows: QuerySet[Any]) -> Any:
        """The rows that the parameters ask for. A value that a filter cannot take is a 400."""
        params = self.request.params
        given = {name: params[name] for name in filterset.base_filters if params.get(name) is not None}
        values = {name: text(value) for name, value in given.items()}
        for name, value in values.items():
            if value is None:  # ignored, it would widen what a bulk action acts on
                raise InvalidParameter(name, Reason.INVALID, "must be text")
        filters = filterset(values, queryset=rows, request=self.request)
        for attribute, errors in filters.form.errors.as_data().items():
            raise InvalidParameter(attribute, errors[0].code or Reason.INVALID, " ".join(errors[0].messages))
        return filters.qs

    def represent(self, channel: CommunicationChannel) -> Response:
        return Response(channel_object(channel, bounce_details=self.caller.user.is_site_admin))
