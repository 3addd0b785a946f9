"""``users/:user_id/custom_data(/*scope)``, answered as Canvas answers it."""

from typing import Any

import orjson
from django.db import transaction
from rest_framework import status
from rest_framework.response import Response

from canvas_channels.core.identity.custom_data import store
from canvas_channels.core.identity.custom_data.store import MAX_NAMESPACE, DataRefused, NoData, WriteConflict
from canvas_channels.core.identity.views import CanvasViewSet
from canvas_channels.core.rest.errors import CanvasError, InvalidParameter
from canvas_channels.core.rest.params import text
from canvas_channels.core.rest.requests import CanvasRequest

# What Canvas calls the kinds of values, after their classes in Ruby.
_RUBY: dict[type[Any], str] = {str: "String", int: "Integer", float: "Float", list: "Array"}


class BadCustomData(CanvasError):
    """Canvas's own body of these."""

    def __init__(self, message: str, status_code: int = status.HTTP_400_BAD_REQUEST, **more: Any) -> None:
        self.status_code = status_code
        super().__init__({"message": message, **more})


class CustomDataViewSet(CanvasViewSet):
    """For the user, and for admins over them."""

    def retrieve(self, request: CanvasRequest, user_id: str, scope: str = "") -> Response:
        user = self.find_user(user_id).user
        return _answer(store.get_data(user, self._namespace(), _keys(scope)))

    @transaction.atomic
    def update(self, request: CanvasRequest, user_id: str, scope: str = "") -> Response:
        user = self.find_user(user_id, lock=True).user
        namespace, data = self._namespace(), request.params.get("data")
        if data is None:
            raise BadCustomData("no data specified")
        new = store.set_data(user, namespace, _keys(scope), data)
        return _answer(data, status.HTTP_201_CREATED if new else status.HTTP_200_OK)

    @transaction.atomic
    def destroy(self, request: CanvasRequest, user_id: str, scope: str = "") -> Response:
        user = self.find_user(user_id, lock=True).user
        return _answer(store.delete_data(user, self._namespace(), _keys(scope)))

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, NoData):
            exc = BadCustomData("no data for scope")
        elif isinstance(exc, DataRefused):
            exc = InvalidParameter(exc.attribute, exc.kind, exc.message)
        elif isinstance(exc, WriteConflict):
            exc = BadCustomData(
                str(exc),
                status.HTTP_409_CONFLICT,
                conflict_scope="/".join(exc.scope),
                type_at_conflict=_RUBY.get(type(exc.value)) or f"{exc.value}Class",
                value_at_conflict=_as_sent(exc.value),
            )
        return super().handle_exception(exc)

    def _namespace(self) -> str:
        namespace = text(self.request.params.get("ns")) or ""
        if not namespace.strip() or len(namespace) > MAX_NAMESPACE or "\x00" in namespace:
            raise BadCustomData("invalid namespace")
        return namespace


def _keys(scope: str) -> list[str]:
    return [key for key in scope.split("/") if key]


def _answer(data: Any, status_code: int = status.HTTP_200_OK) -> Response:
    return Response({"data": _as_sent(data)}, status=status_code)


def _as_sent(data: Any) -> orjson.Fragment:
    """JSON that the renderer leaves alone: an ``id`` in it is none of ours, and stays a number."""
    return orjson.Fragment(orjson.dumps(data))
