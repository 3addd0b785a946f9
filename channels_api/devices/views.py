# ruff: noqa: A002 - path parameters are named as in the API: their names make the scope strings
"""A user's own devices: to see which there are, and to unregister one that is lost."""

from typing import Any

from django.db import transaction
from rest_framework.response import Response

from canvas_channels.core.rest.errors import NotAuthorized
from canvas_channels.core.rest.pagination import paginate
from canvas_channels.core.rest.requests import CanvasRequest
from channels_api.devices import registration
from channels_api.models import PushDevice
from channels_api.viewsets import ChannelErrorsMixin


class DeviceViewSet(ChannelErrorsMixin):
    """The owner's only: nobody else's business, and not to be seen or done while acting as somebody."""

    queryset = PushDevice.objects.none()

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if self.caller.acting:
            raise NotAuthorized

    def list(self, request: CanvasRequest) -> Response:
        page, link = paginate(request, registration.of_user(self.caller.user.pk))
        return Response([device_object(device) for device in page], headers={"Link": link})

    @transaction.atomic
    def destroy(self, request: CanvasRequest, id: int) -> Response:
        registration.remove_one(self.caller, id)
        return Response({"success": True})


def device_object(device: PushDevice) -> dict[str, Any]:
    """Leaves out the token, which is secret."""
    return {
        "id": device.pk,
        "developer_key_name": device.developer_key.name,
        "created_at": device.created_at,
        "last_seen_at": device.last_seen_at,
    }
